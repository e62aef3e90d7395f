import Model
import Options

extension ControlOptions {
    /// Reads `api:` or `metrics:`; nil after a mistake.
    init?(_ part: Part, from reader: inout OptionReader, files: inout FileAccess) {
        self.part = part
        let text = reader.requiredString(
            "addr", hint: "such as 127.0.0.1:18080, or unix:///run/weir/api.sock")
        let isAPI = part == .api
        let path = isAPI ? reader.locatedString("pathPrefix") : reader.locatedString("path")
        logsAccess = isAPI ? reader.bool("accesslog", default: false) : false
        let hasAuth = reader.has("auth")
        credential =
            reader.mapping("auth") { Credential.handlerAuth(from: &$0, files: &files) } ?? nil
        auther = reader.locatedString("auther")
        let token = Self.token(&reader)
        self.token = token
        allowedOrigins = Self.origins(&reader, isOpen: !hasAuth && auther == nil && token == nil)
        trustedProxies = Self.proxies(&reader)
        self.path = Self.path(path, isAPI: isAPI, &reader)
        guard let text, let address = Self.address(text, &reader) else { return nil }
        self.address = address
        if case .endpoint(let endpoint) = address.value, !endpoint.address.isLoopback,
            auther == nil, !hasAuth, token == nil
        {
            reader.error(
                "'\(part.rawValue)' would answer everyone who reaches \(endpoint)",
                at: address.location,
                hint:
                    "name a user with auth:, or listen on 127.0.0.1 or on unix:///PATH"
            )
        }
    }

    /// Tokens are tried without end, so they must be such as nobody guesses.
    private static let tokenCharacters = 16

    private static func token(_ reader: inout OptionReader) -> Located<String>? {
        guard let token = reader.locatedString("token") else { return nil }
        if token.value.utf8.count < tokenCharacters {
            reader.error(
                "'token' has fewer than \(tokenCharacters) characters", at: token.location,
                hint: "such as the output of: openssl rand -hex 24")
        }
        return token
    }

    private static func origins(_ reader: inout OptionReader, isOpen: Bool) -> [String] {
        reader.strings("allowedOrigins").compactMap { origin in
            if origin.value == "*" {
                if !isOpen { return "*" }
                reader.error(
                    "every web page could ask, and nobody has to log in", at: origin.location,
                    hint: "name a user with auth:")
                return nil
            }
            let scheme = ["http://", "https://"].first { origin.value.hasPrefix($0) }
            let rest = scheme.map { origin.value.dropFirst($0.count) } ?? ""
            if rest.isEmpty || rest.contains("/") {
                reader.error(
                    "'\(origin.value)' is no origin of a web page", at: origin.location,
                    hint: "such as https://panel.example:8443, without a path")
                return nil
            }
            return origin.value.lowercased()
        }
    }

    private static func proxies(_ reader: inout OptionReader) -> [IPPrefix] {
        reader.strings("trustedProxies").compactMap { proxy in
            if let range = IPPrefix(proxy.value) { return range }
            reader.error(
                "'\(proxy.value)' is no address and no range of addresses", at: proxy.location,
                hint: "such as 127.0.0.1 or 10.0.0.0/8")
            return nil
        }
    }

    private static func address(
        _ text: Located<String>, _ reader: inout OptionReader
    ) -> Located<Address>? {
        if text.value.hasPrefix("unix://") {
            let path = String(text.value.dropFirst(7))
            guard path.hasPrefix("/"), path.utf8.count < 104 else {
                reader.error(
                    "'addr' must have a path from the root, of less than 104 bytes",
                    at: text.location)
                return nil
            }
            return Located(.path(path), at: text.location)
        }
        switch ListenAddress.read(text.value) {
        case .success(let endpoint):
            return Located(.endpoint(endpoint), at: text.location)
        case .failure(let fault):
            reader.error("'addr' \(fault.reason)", at: text.location)
            return nil
        }
    }

    private static func path(
        _ written: Located<String>?, isAPI: Bool, _ reader: inout OptionReader
    ) -> String {
        guard let written, !written.value.isEmpty else { return isAPI ? "" : "/metrics" }
        guard written.value.hasPrefix("/"), !written.value.contains("?") else {
            reader.error(
                "'\(isAPI ? "pathPrefix" : "path")' must begin with a slash",
                at: written.location)
            return isAPI ? "" : "/metrics"
        }
        var path = written.value
        while isAPI, path.hasSuffix("/") { path.removeLast() }
        return path
    }
}

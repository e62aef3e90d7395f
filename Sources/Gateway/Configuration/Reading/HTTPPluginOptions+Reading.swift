import Model
import Options

extension HTTPPluginOptions {
    /// How long a server may take where the file does not say.
    static let defaultTimeout = Duration.seconds(5)

    /// Reads `plugin: {type, addr, token, timeout, tls}`; nil after a mistake. `atRisk` is what
    /// others could read where no TLS is in the way.
    init?(from reader: inout OptionReader, atRisk: String) {
        let place = reader.location
        let type = reader.locatedString("type")
        let isHTTP = type?.value.lowercased() == "http"
        if !isHTTP {
            let isNamed = type.map { $0.value.lowercased() == "grpc" } ?? true
            reader.error(
                isNamed
                    ? "gRPC plugins are not available"
                    : "'type' must be http", at: type?.location ?? place,
                hint: type == nil
                    ? "gost takes grpc where no type is named; say type: http"
                    : "the same protocol over HTTP is: type: http, addr: http://127.0.0.1:8000/…")
        }
        token = Self.token(&reader)
        timeout = reader.duration(
            "timeout", default: Self.defaultTimeout, in: .milliseconds(1) ... .seconds(60),
            bareNumber: .isNanoseconds)
        let trust = reader.mapping("tls") { part in
            part.notYet(.error, ["certFile", "keyFile"])
            part.notYet(.warning, ["options"])
            return (
                part.bool("secure", default: true), part.string("serverName"),
                part.string("caFile"), part.location(of: "secure")
            )
        }
        isVerified = trust?.0 ?? true
        serverName = trust?.1
        authorityFile = trust?.2
        guard let text = reader.requiredString("addr", hint: "such as http://127.0.0.1:8000/auth")
        else { return nil }
        guard isHTTP else { return nil }
        guard let address = HTTPAddress(text.value) else {
            reader.error(
                "'addr' must be an http:// or https:// URL", at: text.location,
                hint: "such as http://127.0.0.1:8000/auth")
            return nil
        }
        if !address.isSecure, !address.isLoopback {
            reader.warn(
                "\(atRisk) and tokens go to \(address.host) in the clear", at: text.location,
                hint: "use https://, or a server on this machine")
        }
        if !isVerified, address.isSecure {
            reader.warn(
                "whoever is in between can answer in this server's place", at: trust?.3,
                hint: "leave 'secure' out, and name its authority with caFile")
        }
        self.address = Located(address, at: text.location)
    }

    private static func token(_ reader: inout OptionReader) -> String? {
        guard let token = reader.locatedString("token"), !token.value.isEmpty else { return nil }
        guard token.value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            reader.error("'token' must be printable, without spaces", at: token.location)
            return nil
        }
        return token.value
    }
}

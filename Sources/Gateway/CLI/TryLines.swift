import Configuration
import Model
import Options

/// Lines for a person at a terminal: how to use what was just started.
enum TryLines {
    static func lines(
        _ options: GatewayOptions, _ endpoints: [(String, Endpoint)], files: [String]
    ) -> [String] {
        var lines: [String] = []
        for (name, endpoint) in endpoints {
            guard let service = options.services.first(where: { $0.name.value == name }),
                let scheme = scheme(service.handler.kind)
            else { continue }
            let address = reachable(endpoint)
            let login = user(service, options).map { "\($0)@" } ?? ""
            lines.append("  try:  curl -x \(scheme)://\(login)\(address) https://example.com/")
        }
        if options.plugins.contains(where: { $0.type.value == "wing-meter" }) {
            // A command finds plugins.yaml by itself and everything else by -C.
            let isFound = files.isEmpty || files == ["plugins.yaml"]
            let named = isFound ? "" : files.map { " -C \($0)" }.joined()
            lines.append("  then: ./weir usage --by user" + named)
        }
        return lines.isEmpty ? [] : ["weir is ready; stop it with Control-C"] + lines
    }

    /// What curl calls it; nil where curl has nothing to say to it.
    private static func scheme(_ kind: HandlerOptions.Kind) -> String? {
        switch kind {
        case .socks5: "socks5h"
        case .http, .auto: "http"
        case .forward: nil
        }
    }

    private static func reachable(_ endpoint: Endpoint) -> Endpoint {
        endpoint.address.isUnspecified ? Endpoint(.loopbackV4, endpoint.port) : endpoint
    }

    /// The first user and a place for the password, which is not shown.
    private static func user(_ service: ServiceOptions, _ options: GatewayOptions) -> String? {
        if let credential = service.handler.credential {
            return credential.username.value + ":PASSWORD"
        }
        for name in service.handler.authers {
            if let auther = options.authers.first(where: { $0.name.value == name.value }),
                let first = auther.users.first
            {
                return first.username.value + ":PASSWORD"
            }
        }
        return nil
    }
}

/// The configuration of a gateway under test, as YAML with the keys users write.
struct GatewayText {
    /// One service.
    struct Service {
        var name = "socks"
        /// Nil: 127.0.0.1 and a free port.
        var address: String?
        var handler = "socks5"
        var auther: String?
        /// `key: value` lines of the handler's metadata.
        var handlerMetadata: [String] = []
        var listener = "tcp"
        var listenerMetadata: [String] = []
        /// Forward targets, `ip:port`.
        var targets: [String] = []
        /// `key: value` lines of the service's metadata.
        var metadata: [String] = []
        /// Further `key: value` lines of the service.
        var more: [String] = []
    }

    /// Users of the auther `users`; the passwords begin with `pw-of-`, which no log may contain.
    static let users = [("alice", "pw-of-alice"), ("bob", "pw-of-bob")]

    var services: [Service]
    /// GUIDs that have a wing meter with a store and a flows file of their own.
    var meters = ["meter"]
    var users = Self.users
    /// Further top-level YAML.
    var more = ""
    var interval = "1s"
    /// A whole file instead of all this, with `PORT` for the port of the only service.
    var literal: String?
    /// Where databases and flow files go; nil: the test's folder.
    var dataFolder: String?

    /// A metered SOCKS5 service; with `auther` for alice and bob where `isClosed`.
    static func socks(
        isClosed: Bool = false, metadata: [String] = [], more: [String] = [],
        serviceMetadata: [String] = []
    ) -> GatewayText {
        let service = Service(
            auther: isClosed ? "users" : nil,
            handlerMetadata: ["udp: true", "bind: true", "statsGUID: meter"] + metadata,
            metadata: serviceMetadata, more: more)
        return GatewayText(services: [service])
    }

    /// A metered forward service for `network`, `tcp` or `udp`.
    static func forward(
        _ network: String, to targets: [Address], listenerMetadata: [String] = [],
        metadata: [String] = []
    ) -> GatewayText {
        let service = Service(
            name: "forward", handler: network, handlerMetadata: ["statsGUID: meter"] + metadata,
            listener: network, listenerMetadata: listenerMetadata,
            targets: targets.map(\.description))
        return GatewayText(services: [service])
    }

    /// The file, with every service's address known.
    func yaml(folder: String, addresses: [String]) -> String {
        if let literal {
            let port = addresses[0].split(separator: ":").last ?? ""
            return literal.replacing("PORT", with: port)
        }
        var lines = ["services:"]
        for (service, address) in zip(services, addresses) {
            lines += Self.lines(service, address: address)
        }
        let isClosed = services.contains { $0.auther == "users" }
        if isClosed { lines += ["authers:", "  - name: users", "    auths:"] }
        for (user, password) in users where isClosed {
            lines.append("      - { username: \(quoted(user)), password: \(quoted(password)) }")
        }
        if !meters.isEmpty { lines.append("plugins:") }
        for guid in meters {
            let data = dataFolder ?? folder
            lines += ["  - guid: \(guid)", "    type: wing-meter", "    options:"]
            lines.append("      interval: \(interval)")
            lines.append("      store: { sqlite: \(data)/\(guid).db }")
            lines.append("      flows: { jsonl: \(data)/\(guid).jsonl }")
        }
        lines += ["weir:", "  state: \(folder)/state"]
        return lines.joined(separator: "\n") + "\n" + more
    }

    private static func lines(_ service: Service, address: String) -> [String] {
        var lines = ["  - name: \(service.name)", "    addr: \(quoted(address))"]
        lines += service.more.map { "    " + $0 }
        lines += ["    handler:", "      type: \(service.handler)"]
        if let auther = service.auther { lines.append("      auther: \(auther)") }
        lines += block("metadata", service.handlerMetadata, indent: 6)
        lines += ["    listener:", "      type: \(service.listener)"]
        lines += block("metadata", service.listenerMetadata, indent: 6)
        if !service.targets.isEmpty {
            lines += ["    forwarder:", "      nodes:"]
            for (index, target) in service.targets.enumerated() {
                lines += ["        - name: target-\(index)", "          addr: \(quoted(target))"]
            }
        }
        return lines + block("metadata", service.metadata, indent: 4)
    }

    private static func block(_ key: String, _ entries: [String], indent: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        return entries.isEmpty ? [] : [margin + key + ":"] + entries.map { "\(margin)  \($0)" }
    }
}

/// A double-quoted YAML scalar.
func quoted(_ text: String) -> String {
    let escaped = text.map { character in
        switch character {
        case "\"": "\\\""
        case "\\": "\\\\"
        case "\n": "\\n"
        case "\u{1b}": "\\e"
        default: String(character)
        }
    }
    return "\"" + escaped.joined() + "\""
}

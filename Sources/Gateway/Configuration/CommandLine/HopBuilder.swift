import Options

/// Makes the hop of one `-F`, as gost does: every key of the query goes into the metadata of
/// connector, dialer, node and hop, except those that have a place of their own.
struct HopBuilder {
    private var url: ServiceURL
    private let location: Location

    /// A builder for an argument at `location`.
    init(_ url: ServiceURL, at location: Location) {
        self.url = url
        self.location = location
    }

    /// The hop `hop-<number>`, and the objects it needs. Several hosts are several nodes.
    mutating func build(
        number: Int, into lists: inout CommandLineLists
    ) throws(YAMLFault) -> Node {
        guard url.scheme.count <= 2 else {
            throw YAMLFault(
                "a scheme is a connector and a dialer at most", at: location,
                hint: "such as socks5+tcp://")
        }
        let (connectorType, dialerType) = types()
        let auth = try url.takeAuth()
        var hop = MappingBuilder(at: location)
        hop.add("name", Located("hop-\(number)", at: location))
        hop.add("selector", url.takeSelector(at: location))
        let socket = url.takeSocketKeys(at: location)
        var used: Set<String> = []
        func add(
            _ key: String, _ make: (inout CommandLineLists, Located<String>) -> Located<String>
        ) {
            guard let value = url.value(of: key) else { return }
            hop.add(key, make(&lists, value))
            used.insert(key)
        }
        add("bypass") { $0.addBypass($1) }
        add("resolver") { $0.addResolver($1, prefer: url.value(of: "prefer")) }
        add("hosts") { $0.addHosts($1) }
        if used.contains("resolver") { used.insert("prefer") }
        let metadata = metadata("hop.", without: used, pinned: socket)

        let tls = takeTLS()
        var connector = MappingBuilder(at: connectorType.location)
        connector.add("type", connectorType)
        connector.add("auth", auth)
        connector.add("metadata", self.metadata("connector.", without: used))
        var dialer = MappingBuilder(at: dialerType.location)
        dialer.add("type", dialerType)
        dialer.add("tls", tls)
        dialer.add("metadata", self.metadata("dialer.", without: used))
        let own = self.metadata("node.", without: used)
        hop.add(
            "nodes",
            hosts().enumerated().map { index, host in
                var node = MappingBuilder(at: location)
                node.add("name", Located("node-\(index)", at: location))
                node.add("addr", host)
                node.add("connector", connector)
                node.add("dialer", dialer)
                node.add("metadata", own)
                return node.node
            })
        hop.add("metadata", metadata)
        return hop.node
    }

    /// One word names both connector and dialer; where it is only one of them, the other is gost's
    /// default. A word that is neither stays, so that it is refused: gost takes it for `http`.
    private func types() -> (connector: Located<String>, dialer: Located<String>) {
        let (http, tcp) = (Located("http", at: location), Located("tcp", at: location))
        guard let first = url.scheme.first, first.value != "auto" else { return (http, tcp) }
        if url.scheme.count == 2 { return (first, url.scheme[1]) }
        if first.value == "https" { return (first.map { _ in "http" }, first.map { _ in "tls" }) }
        let isConnector =
            GostVocabulary.connectors.contains(first.value)
            || GostVocabulary.laterConnectors.contains(first.value)
        let isDialer =
            GostVocabulary.dialers.contains(first.value)
            || GostVocabulary.laterDialers.contains(first.value)
        return (
            isDialer && !isConnector ? first.map { _ in "http" } : first,
            isDialer ? first : first.map { $0 == "ssu" ? "udp" : "tcp" }
        )
    }

    private func hosts() -> [Located<String>] {
        var hosts: [Located<String>] = []
        var start = url.host.location
        for part in url.host.value.split(separator: ",", omittingEmptySubsequences: false) {
            if !part.isEmpty { hosts.append(Located(String(part), at: start)) }
            start = start.advanced(by: part.unicodeScalars.count + 1)
        }
        return hosts
    }

    private func metadata(
        _ prefix: String, without used: Set<String>, pinned: MappingBuilder? = nil
    ) -> MappingBuilder {
        url.metadata(
            prefix: prefix, among: ["connector.", "dialer.", "node.", "hop."], without: used,
            pinned: pinned, at: location)
    }

    private mutating func takeTLS() -> MappingBuilder {
        var tls = MappingBuilder(at: location)
        let files = url.takeTLSFiles()
        tls.add("certFile", files.certificate)
        tls.add("keyFile", files.key)
        tls.add("caFile", files.authority)
        let secure = url.take("secure", "tls.secure")
        if let secure, Units.bool(secure.value) ?? false {
            tls.add("secure", secure.map { _ in "true" }, isPlain: true)
        }
        let name = url.take("serverName", "tls.serverName") ?? url.host.map(Self.hostName)
        if !name.value.isEmpty { tls.add("serverName", name) }
        return tls
    }

    /// The host without its port and brackets.
    private static func hostName(_ host: String) -> String {
        var name = Substring(host)
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]"),
            host[host.index(after: colon)...].utf8.allSatisfy({ (48...57).contains($0) })
        {
            name = host[..<colon]
        }
        if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
        return String(name)
    }
}

import Model
import Options
import Rules

extension NodeOptions {
    /// Reads one of a hop's `nodes:`; nil after a mistake in its address.
    init?(
        from reader: inout OptionReader, inherited: HopOptions.Inherited, files: inout FileAccess
    ) {
        let name = reader.locatedString("name")
        self.name = name?.value ?? ""
        let (connectorNode, dialerNode) = (reader.node("connector"), reader.node("dialer"))
        var metadata = CopiedMetadata(
            [
                ("the connector's", connectorNode?.child("metadata")),
                ("the dialer's", dialerNode?.child("metadata")),
                ("the node's", reader.node("metadata")),
            ], unknownKeys: reader.unknownKeys)

        var connectorReader = OptionReader(
            connectorNode, named: "connector", unknownKeys: reader.unknownKeys)
        let connector = ConnectorOptions(
            from: &connectorReader, metadata: &metadata.readers[0], fallback: reader.location,
            files: &files)
        var dialerReader = OptionReader(
            dialerNode, named: "dialer", unknownKeys: reader.unknownKeys)
        let isTCP = Self.readDialer(&dialerReader, metadata: &metadata.readers[1])
        share = ShareOptions(from: &metadata.readers[2])
        proxyProtocol =
            HopOptions.Inherited.proxyProtocol(from: &metadata.readers[2])
            ?? inherited.proxyProtocol
        egress =
            EgressOptions.read(&reader, metadata: &metadata.readers[2])
            .inheriting(inherited.egress).options
        metadata.readers[2].notYet(.error, ["netns", "netns.out"])
        if connector == nil || !isTCP { metadata.acceptAll() }
        reader.report(connectorReader.finish())
        reader.report(dialerReader.finish())
        reader.report(metadata.finish())

        matcher = reader.mapping("matcher") { MatcherOptions(from: &$0, of: .chain) } ?? nil
        bypasses = reader.strings("bypass") + reader.strings("bypasses")
        resolver = reader.locatedString("resolver") ?? inherited.resolver
        hosts = reader.locatedString("hosts") ?? inherited.hosts
        Self.readLater(&reader)
        guard let address = Self.address(from: &reader), let connector else { return nil }
        self.address = address
        self.connector = connector
    }

    private static func address(from reader: inout OptionReader) -> Located<Destination>? {
        let examples = "such as 192.0.2.1:1080, [2001:db8::1]:1080 or example.com:1080"
        guard let text = reader.requiredString("addr", hint: examples) else { return nil }
        guard let address = Destination(target: text.value) else {
            reader.error(
                "'addr' must be a host and a port from 1 to 65535", at: text.location,
                hint: examples)
            return nil
        }
        return Located(address, at: text.location)
    }

    /// Reads `dialer:`; false where it is not available.
    private static func readDialer(
        _ reader: inout OptionReader, metadata: inout OptionReader
    ) -> Bool {
        reader.accept("metadata")
        let type = reader.locatedString("type")
        let name = type?.value.lowercased() ?? "tcp"
        guard name == "tcp" else {
            reader.accept("tls", "auth")
            reader.refuseType(
                name, kind: "dialer", at: type?.location, available: GostVocabulary.dialers,
                later: GostVocabulary.laterDialers)
            return false
        }
        // gost's command line writes the server's name here whatever the dialer is.
        let tls = reader.mapping("tls") { part in
            part.accept("serverName")
            let others = !part.unasked.isEmpty
            for key in part.unasked { part.accept(key.text) }
            return others
        }
        if tls ?? false {
            reader.warn(
                "'tls' is ignored: the dialer tcp has no use for it",
                at: reader.location(of: "tls"))
        }
        reader.notYet(.error, ["auth"])
        metadata.accept("keepalive", "keepalive.idle", "keepalive.interval", "keepalive.count")
        metadata.notYet(.error, ["so_mark", "mark"])
        return true
    }

    private static func readLater(_ reader: inout OptionReader) {
        let network = reader.choice(
            "network", among: ["tcp": "tcp", "udp": "udp", "unix": "unix"])
        if let network, network != "tcp" {
            reader.error(
                "a node cannot be reached through \(network) yet",
                at: reader.location(of: "network"))
        }
        reader.notYet(
            .error,
            ["filter", "http", "tls", "netns"])
        reader.notYet(.warning, ["probe"])
    }
}

extension OptionReader {
    /// Refuses a type of a connector or dialer that this version does not have.
    mutating func refuseType(
        _ name: String, kind: String, at location: Location?, available: [String],
        later: [String]
    ) {
        let list = "available are: " + available.joined(separator: ", ")
        if later.contains(name) {
            error("the \(kind) '\(name)' is not available yet", at: location, hint: list)
        } else {
            error(
                "there is no \(kind) '\(name)'", at: location,
                hint: Suggestion.hint(for: name, among: available + later) ?? list)
        }
    }
}

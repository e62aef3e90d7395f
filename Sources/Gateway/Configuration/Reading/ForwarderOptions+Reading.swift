import Model
import Options
import Rules

extension ForwarderOptions {
    /// Reads `forwarder:` of a service that listens on `transport`.
    init(from reader: inout OptionReader, transport: TransportProtocol) {
        nodes = reader.mappings("nodes") { ForwardNodeOptions(from: &$0, transport: transport) }
            .compactMap { $0 }
        // As in gost, which has two words for it, a hop comes before nodes.
        let name = reader.locatedString("hop", "name")
        hop = name.flatMap { $0.value.isEmpty ? nil : $0 }
        reader.notYet(.error, ["hopGroup"])
        if hop != nil, reader.has("nodes", "selector") {
            reader.warn(
                "'nodes' and 'selector' are ignored: the hop has them", at: name?.location)
        }
        if !reader.has("nodes"), hop == nil, !reader.has("hopGroup") {
            reader.missing("nodes", hint: "such as nodes: [{addr: 192.0.2.1:80}]")
        } else if hop == nil, reader.has("nodes"), let place = reader.location(of: "nodes"),
            nodes.isEmpty,
            reader.diagnostics.isEmpty
        {
            reader.error("'nodes' must not be empty", at: place)
        }
        selector = reader.mapping("selector") { SelectorOptions(from: &$0) } ?? .standard
        Self.checkNames(of: nodes, &reader)
    }

    private static func checkNames(
        of nodes: [ForwardNodeOptions], _ reader: inout OptionReader
    ) {
        var seen: Set<String> = []
        for node in nodes where !node.name.isEmpty && !seen.insert(node.name).inserted {
            reader.error(
                "the node '\(node.name)' stands here twice", at: node.destination.location)
        }
    }
}

extension ForwardNodeOptions {
    /// Reads one of `nodes:`; nil after a mistake in its address.
    init?(from reader: inout OptionReader, transport: TransportProtocol) {
        name = reader.string("name", default: "")
        share =
            reader.mapping("metadata") { metadata in
                let share = ShareOptions(from: &metadata)
                metadata.notYet(.error, ["interface", "so_mark", "netns", "proxyProtocol"])
                return share
            } ?? .standard
        Self.checkNetwork(transport, &reader)
        matcher = reader.mapping("matcher") { MatcherOptions(from: &$0, of: .forwarder) } ?? nil
        if transport == .udp, reader.has("matcher") {
            reader.error(
                "'matcher' does not decide about datagrams yet",
                at: reader.location(of: "matcher"),
                hint: "admissions of the service keep clients out")
        }
        reader.notYet(
            .error,
            [
                "bypass", "bypasses", "filter", "http", "tls", "host", "protocol",
                "path", "auth",
            ])
        reader.notYet(.warning, ["probe"])
        guard let text = reader.requiredString("addr", hint: "such as 192.0.2.1:80") else {
            return nil
        }
        guard let target = Destination(target: text.value) else {
            reader.error(
                "'addr' must be a host and a port from 1 to 65535", at: text.location,
                hint: "such as 192.0.2.1:80, [2001:db8::1]:80 or example.com:80")
            return nil
        }
        destination = Located(target, at: text.location)
    }

    private static func checkNetwork(
        _ transport: TransportProtocol, _ reader: inout OptionReader
    ) {
        guard
            let network = reader.choice(
                "network", among: ["tcp": "tcp", "udp": "udp", "unix": "unix"]),
            network != transport.name
        else { return }
        reader.error(
            "a \(transport.name) service cannot forward to \(network) yet",
            at: reader.location(of: "network"))
    }
}

extension Destination {
    /// Reads `host:port`; an empty host is this machine, as in Go. Nil for anything else.
    init?(target text: String) {
        if let endpoint = Endpoint(text) {
            guard endpoint.port != 0 else { return nil }
            self.init(endpoint)
            return
        }
        guard let colon = text.lastIndex(of: ":"),
            let port = Endpoint.port(text[text.index(after: colon)...]), port != 0
        else { return nil }
        let name = text[..<colon]
        if name.isEmpty {
            self.init(Endpoint(.loopbackV4, port))
            return
        }
        let isName =
            name.utf8.count <= 253
            && name.utf8.allSatisfy { byte in
                byte > 0x20 && byte != 0x7f && !":/[]@\"'\\?#%".utf8.contains(byte)
            }
        guard isName else { return nil }
        self.init(host: .name(String(name)), port: port)
    }
}

import Model
import Options

extension ForwarderOptions {
    /// Reads `forwarder:` of a service that listens on `transport`.
    init(from reader: inout OptionReader, transport: TransportProtocol) {
        nodes = reader.mappings("nodes") { ForwardNodeOptions(from: &$0, transport: transport) }
            .compactMap { $0 }
        reader.notYet(.error, ["hop", "hopGroup", "name"])
        if !reader.has("nodes"), !reader.has("hop", "hopGroup", "name") {
            reader.missing("nodes", hint: "such as nodes: [{addr: 192.0.2.1:80}]")
        } else if reader.has("nodes"), let place = reader.location(of: "nodes"), nodes.isEmpty,
            reader.diagnostics.isEmpty
        {
            reader.error("'nodes' must not be empty", at: place)
        }
        let selector = reader.mapping("selector") { Selector(from: &$0) }
        strategy = selector?.strategy ?? .round
        maxFails = selector?.maxFails ?? 1
        failTimeout = selector?.failTimeout ?? .seconds(10)
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

    /// `selector:` with gost's defaults.
    private struct Selector {
        let strategy: Strategy
        let maxFails: Int
        let failTimeout: Duration

        init(from reader: inout OptionReader) {
            let words: KeyValuePairs<String, Strategy?> = [
                "round": .round, "rr": .round, "random": .random, "rand": .random, "fifo": .fifo,
                "ha": .fifo, "hash": .hash, "parallel": nil, "lowestlatency": nil, "lowest": nil,
                "ll": nil,
            ]
            let chosen = reader.choice("strategy", among: words)
            if case .some(.none) = chosen {
                reader.error(
                    "this strategy is not available yet", at: reader.location(of: "strategy"),
                    hint: "available are: round, random, fifo, hash")
            }
            strategy = (chosen ?? .round) ?? .round
            let fails = reader.integer("maxFails", default: 1, in: 0...1_000_000)
            maxFails = fails == 0 ? 1 : fails
            let timeout = reader.duration(
                "failTimeout", default: .seconds(10), bareNumber: .isNanoseconds)
            failTimeout = timeout == .zero ? .seconds(10) : timeout
            reader.notYet(.warning, ["maxLatency"])
        }
    }
}

extension ForwardNodeOptions {
    /// Reads one of `nodes:`; nil after a mistake in its address.
    init?(from reader: inout OptionReader, transport: TransportProtocol) {
        name = reader.string("name", default: "")
        let metadata = reader.mapping("metadata") { NodeMetadata(from: &$0) }
        weight = metadata?.weight ?? 1
        isBackup = metadata?.isBackup ?? false
        maxFails = metadata?.maxFails
        failTimeout = metadata?.failTimeout
        Self.checkNetwork(transport, &reader)
        reader.notYet(
            .error,
            [
                "bypass", "bypasses", "matcher", "filter", "http", "tls", "host", "protocol",
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

    private struct NodeMetadata {
        let weight: Int
        let isBackup: Bool
        let maxFails: Int?
        let failTimeout: Duration?

        init(from reader: inout OptionReader) {
            weight = max(1, reader.integer("weight", default: 1, in: 0...1_000_000))
            isBackup = reader.metadataBool("backup", default: false)
            maxFails = reader.integer("maxFails", "max_fails", in: 0...1_000_000)
                .flatMap { $0 == 0 ? nil : $0 }
            failTimeout = reader.duration(
                "failTimeout", "fail_timeout", bareNumber: .isSeconds
            ).flatMap { $0 == .zero ? nil : $0 }
            reader.notYet(.error, ["interface", "so_mark", "netns", "proxyProtocol"])
        }
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

import Options

extension ChainOptions {
    /// Reads one entry of `chains:`.
    init(from reader: inout OptionReader, files: inout FileAccess) {
        name = reader.name(of: "chain")
        hops = reader.mappings("hops") {
            HopOptions(from: &$0, mayRefer: true, files: &files)
        }
        if hops.isEmpty, reader.diagnostics.isEmpty {
            reader.error(
                "the chain '\(name.value)' has no hops and would lead nowhere", at: name.location)
        }
        share = reader.mapping("metadata") { ShareOptions(from: &$0) } ?? .standard
    }
}

extension HopOptions {
    /// Reads one entry of `hops:`, of a chain or of the whole file. Only a chain's may refer to
    /// another.
    init(from reader: inout OptionReader, mayRefer: Bool, files: inout FileAccess) {
        name = reader.name(of: "hop")
        let raw = reader.node("nodes")
        let inherited = Inherited(from: &reader)
        nodes = reader.mappings("nodes") {
            NodeOptions(from: &$0, inherited: inherited, files: &files)
        }.compactMap { $0 }
        let known = ["file", "redis", "http", "plugin"]
        let isElsewhere = known.contains { reader.has($0) }
        isReference = mayRefer && !reader.has("nodes") && !isElsewhere
        selector = reader.mapping("selector") { SelectorOptions(from: &$0) } ?? .standard
        reader.notYet(.error, known + ["bypass", "bypasses", "interface", "sockopts"])
        reader.notYet(.warning, ["reload"])
        Self.readMetadata(&reader, nodes: raw)
        if !isReference, nodes.isEmpty, reader.diagnostics.isEmpty {
            reader.missing("nodes", hint: "such as nodes: [{addr: 192.0.2.1:1080}]")
        }
        if isReference, reader.has("selector", "metadata", "resolver", "hosts") {
            reader.warn(
                "this hop is only a name of an entry of hops:, which has all other keys",
                at: name.location)
        }
        var seen: Set<String> = []
        for node in nodes where !node.name.isEmpty && !seen.insert(node.name).inserted {
            reader.error(
                "the node '\(node.name)' stands here twice", at: node.address.location)
        }
    }

    /// What nodes have from their hop unless they say something else.
    struct Inherited {
        let resolver: Located<String>?
        let hosts: Located<String>?

        init(from reader: inout OptionReader) {
            resolver = reader.locatedString("resolver")
            hosts = reader.locatedString("hosts")
        }
    }

    /// gost's command line copies the nodes' keys into the hop's metadata, and some more.
    private static func readMetadata(_ reader: inout OptionReader, nodes: Node?) {
        guard let node = reader.node("metadata") else { return }
        var metadata = OptionReader(node, named: "metadata", unknownKeys: reader.unknownKeys)
        metadata.notYet(.error, ["interface", "so_mark", "netns", "netns.out", "proxyProtocol"])
        metadata.accept("secure", "serverName")
        let items: [Node] = if case .sequence(let items) = nodes?.value { items } else { [] }
        for key in metadata.unasked {
            let text = node.child(key.text)?.text
            let isCopy = items.contains { item in
                let places = [
                    item.child("connector")?.child("metadata"),
                    item.child("dialer")?.child("metadata"), item.child("metadata"),
                ]
                return places.contains { $0?.child(key.text).map { $0.text == text } ?? false }
            }
            if isCopy { metadata.accept(key.text) }
        }
        reader.report(metadata.finish())
    }
}

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
        let metadataNode = reader.node("metadata")
        var metadata = OptionReader(
            metadataNode, named: "metadata", unknownKeys: reader.unknownKeys)
        let inherited = Inherited(from: &reader, metadata: &metadata)
        self.inherited = inherited
        inline = reader.mappings("nodes") {
            NodeOptions(from: &$0, inherited: inherited, files: &files)
        }.compactMap { $0 }
        let known = ["redis", "http", "plugin"]
        let isElsewhere = reader.has("file") || known.contains { reader.has($0) }
        file = ListFile.read(from: &reader)
        fromFile = file.map { Self.nodes(in: $0.path, inherited, &files) } ?? []
        isReference = mayRefer && !reader.has("nodes") && !isElsewhere
        selector = reader.mapping("selector") { SelectorOptions(from: &$0) } ?? .standard
        bypasses = reader.strings("bypass") + reader.strings("bypasses")
        reader.notYet(.error, known)
        Self.readRest(of: &metadata, metadataNode, nodes: raw)
        reader.report(metadata.finish())
        let nodes = inline + fromFile
        if !isReference, nodes.isEmpty, file == nil, reader.diagnostics.isEmpty {
            reader.missing("nodes", hint: "such as nodes: [{addr: 192.0.2.1:1080}]")
        }
        let others = reader.has(
            "selector", "metadata", "resolver", "hosts", "bypass", "bypasses", "interface",
            "sockopts")
        if isReference, others {
            reader.warn(
                "this hop is only a name of an entry of hops:, which has all other keys",
                at: name.location)
        }
        Self.checkNames(of: nodes) { reader.report($0) }
    }

    static func checkNames(of nodes: [NodeOptions], report: (Diagnostic) -> Void) {
        var seen: Set<String> = []
        for node in nodes where !node.name.isEmpty && !seen.insert(node.name).inserted {
            report(
                Diagnostic(
                    .error, at: node.address.location,
                    "the node '\(node.name)' stands here twice"))
        }
    }

    /// What nodes have from their hop unless they say something else.
    struct Inherited: Sendable {
        let resolver: Located<String>?
        let hosts: Located<String>?
        let proxyProtocol: Int?
        let egress: EgressOptions.Part

        init(from reader: inout OptionReader, metadata: inout OptionReader) {
            resolver = reader.locatedString("resolver")
            hosts = reader.locatedString("hosts")
            proxyProtocol = Self.proxyProtocol(from: &metadata)
            egress = EgressOptions.read(&reader, metadata: &metadata)
        }

        /// Reads it from a metadata; as in gost 0 is nothing said.
        static func proxyProtocol(from metadata: inout OptionReader) -> Int? {
            let version = metadata.integer("proxyProtocol", default: 0, in: 0...2)
            return version == 0 ? nil : version
        }
    }

    /// gost's command line copies the nodes' keys into the hop's metadata, and some more.
    private static func readRest(
        of metadata: inout OptionReader, _ node: Node?, nodes: Node?
    ) {
        metadata.notYet(.error, ["netns", "netns.out"])
        metadata.accept("secure", "serverName")
        let items: [Node] = if case .sequence(let items) = nodes?.value { items } else { [] }
        for key in metadata.unasked {
            let text = node?.child(key.text)?.text
            let isCopy = items.contains { item in
                let places = [
                    item.child("connector")?.child("metadata"),
                    item.child("dialer")?.child("metadata"), item.child("metadata"),
                ]
                return places.contains { $0?.child(key.text).map { $0.text == text } ?? false }
            }
            if isCopy { metadata.accept(key.text) }
        }
    }
}

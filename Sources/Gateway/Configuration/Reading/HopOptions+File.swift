import Options

extension HopOptions {
    /// Reads the nodes of a file: a list of them in YAML or JSON, or a mapping with `nodes`.
    static func nodes(
        in path: Located<String>, _ inherited: Inherited, _ files: inout FileAccess
    ) -> [NodeOptions] {
        let findings = files.diagnostics.count
        guard let root = files.value(of: path) else {
            if files.diagnostics.count == findings {
                files.report(.error, at: path.location, "'\(path.value)' has no nodes")
            }
            return []
        }
        var list = root
        if case .sequence(let items) = root.value {
            var wrapper = MappingBuilder(at: root.location)
            wrapper.add("nodes", items)
            list = wrapper.node
        }
        var reader = OptionReader(list, named: "the file")
        // The file alone is read when it has changed.
        let ownFiles = { (node: Node) in node.child("connector")?.child("auth")?.child("file") }
        if case .sequence(let items) = reader.node("nodes")?.value {
            for place in items.compactMap(ownFiles) {
                reader.error(
                    "nodes of a file cannot name files", at: place.location,
                    hint: "write user and password here")
            }
        }
        let nodes = reader.mappings("nodes") {
            NodeOptions(from: &$0, inherited: inherited, files: &files)
        }.compactMap { $0 }
        if nodes.isEmpty, reader.diagnostics.isEmpty {
            reader.error("'\(path.value)' has no nodes", at: path.location)
        }
        for finding in reader.finish() {
            files.report(
                finding.severity, at: finding.location, finding.message, hint: finding.hint)
        }
        return nodes
    }

    /// Reads the file's nodes again, by a reader that has the file; all nodes come of it.
    package func reread(
        with reader: @escaping FileReader, knowing known: NodeReferences
    ) -> Reread<[NodeOptions]> {
        Reread.reading(with: reader) { files in
            let nodes = inline + (file.map { Self.nodes(in: $0.path, inherited, &files) } ?? [])
            var findings: [Diagnostic] = []
            Self.checkNames(of: nodes) { findings.append($0) }
            known.check(nodes) { findings.append($0) }
            for finding in findings {
                files.report(
                    finding.severity, at: finding.location, finding.message, hint: finding.hint)
            }
            return nodes
        }
    }
}

/// What nodes that come later may name, and where their hop stands.
package struct NodeReferences: Sendable {
    private let bypasses: Set<String>
    private let resolvers: Set<String>
    private let hosts: Set<String>
    private let isAlwaysLast: Bool

    /// What nodes of a hop may name.
    package init(for hop: HopOptions, in options: GatewayOptions) {
        bypasses = Set(options.bypasses.map(\.name.value))
        resolvers = Set(options.resolvers.map(\.name.value))
        hosts = Set(options.hosts.map(\.name.value))
        isAlwaysLast = options.chains.allSatisfy { chain in
            chain.hops.dropLast().allSatisfy {
                options.hop($0)?.name.location != hop.name.location
            }
        }
    }

    func check(_ nodes: [NodeOptions], report: (Diagnostic) -> Void) {
        for node in nodes {
            let unknown =
                node.bypasses.filter { !bypasses.contains($0.value) }
                + [node.resolver].compactMap { $0 }.filter { !resolvers.contains($0.value) }
                + [node.hosts].compactMap { $0 }.filter { !hosts.contains($0.value) }
            for name in unknown {
                report(
                    Diagnostic(
                        .error, at: name.location, "there is nothing of the name '\(name.value)'"))
            }
            if node.connector.isPassThrough, !isAlwaysLast {
                report(
                    Diagnostic(
                        .error, at: node.connector.type.location,
                        "the connector '\(node.connector.type.value)' can only stand in the last"
                            + " hop of a chain"))
            }
        }
    }
}

import Options

/// Builds the mapping that a file would have.
struct MappingBuilder {
    private var entries: [(key: Node.Key, value: Node)] = []
    private let location: Location

    init(at location: Location) {
        self.location = location
    }

    var isEmpty: Bool { entries.isEmpty }

    var node: Node { Node(.mapping(entries), at: location) }

    /// Adds a value; nil adds nothing.
    mutating func add(_ key: String, _ value: Node?) {
        guard let value else { return }
        entries.append((Node.Key(text: key, location: value.location), value))
    }

    /// Adds text; nil adds nothing.
    mutating func add(_ key: String, _ text: Located<String>?, isPlain: Bool = false) {
        add(key, text.map { Node(.scalar($0.value, isQuoted: !isPlain), at: $0.location) })
    }

    /// Adds a mapping unless it is empty.
    mutating func add(_ key: String, _ mapping: MappingBuilder) {
        if !mapping.isEmpty { add(key, mapping.node) }
    }

    /// Adds a list unless it is empty.
    mutating func add(_ key: String, _ nodes: [Node]) {
        if let first = nodes.first { add(key, Node(.sequence(nodes), at: first.location)) }
    }
}

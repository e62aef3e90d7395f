extension OptionReader {
    /// The value as it stands, for options that are read later or elsewhere.
    public mutating func node(_ keys: String...) -> Node? {
        take(keys)?.value
    }

    /// Reads a mapping inside this one. Unknown keys in it are reported when `read` returns; nil if
    /// it is absent.
    public mutating func mapping<Value>(
        _ keys: String..., read: (inout OptionReader) -> Value
    ) -> Value? {
        guard let (key, node) = take(keys) else { return nil }
        return part(node, named: key.text, isEntry: false, read: read)
    }

    /// Reads a list of mappings; a single mapping is a list of one. An element that is not a
    /// mapping is reported and left out.
    public mutating func mappings<Value>(
        _ keys: String..., read: (inout OptionReader) -> Value
    ) -> [Value] {
        guard let (key, node) = take(keys) else { return [] }
        let nodes: [Node] = if case .sequence(let items) = node.value { items } else { [node] }
        return nodes.compactMap { item in
            guard case .mapping = item.value else {
                error(
                    "'\(key.text)' must be a list of mappings, not of \(item.kind)",
                    at: item.location)
                return nil
            }
            return part(item, named: key.text, isEntry: true, read: read)
        }
    }

    private mutating func part<Value>(
        _ node: Node, named name: String, isEntry: Bool, read: (inout OptionReader) -> Value
    ) -> Value {
        var reader = OptionReader(
            node, named: name, isEntry: isEntry, unknownKeys: unknownKeys)
        let value = read(&reader)
        report(reader.finish())
        return value
    }
}

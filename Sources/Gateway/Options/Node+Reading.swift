extension Node {
    /// The text of a scalar; nil for null, lists and mappings.
    public var text: String? {
        guard case .scalar(let text, _) = value, !isNull else { return nil }
        return text
    }

    /// Whether this is a null: nothing, `~` or `null`, not quoted.
    public var isNull: Bool {
        guard case .scalar(let text, isQuoted: false) = value else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// Whether this is a mapping.
    public var isMapping: Bool {
        if case .mapping = value { true } else { false }
    }

    /// The whole number of a scalar that was not quoted.
    var bareInteger: Int64? {
        guard case .scalar(let text, isQuoted: false) = value else { return nil }
        return Int64(text)
    }

    /// What kind of value this is, as messages say it.
    public var kind: String {
        switch value {
        case .scalar: isNull ? "nothing" : "text"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    /// The value under `key` of a mapping, without regard to case; nil if there is none.
    public func child(_ key: String) -> Node? {
        entry(key)?.value
    }

    /// The entry under `key` of a mapping, without regard to case.
    func entry(_ key: String) -> (key: Key, value: Node)? {
        guard case .mapping(let entries) = value else { return nil }
        let folded = key.lowercased()
        return entries.first { $0.key.text.lowercased() == folded }
    }
}

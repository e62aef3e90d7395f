extension Node {
    /// What stands for a secret that is not shown.
    public static let secretMask = "********"

    /// The same with passwords, tokens and the like hidden, by their keys; too much rather than too
    /// little.
    public var withoutSecrets: Node {
        switch value {
        case .scalar(let text, let isQuoted):
            return Node(.scalar(Self.withoutUser(text), isQuoted: isQuoted), at: location)
        case .sequence(let items):
            return Node(.sequence(items.map(\.withoutSecrets)), at: location)
        case .mapping(let entries):
            let shown = entries.map { entry -> (key: Key, value: Node) in
                guard SecretMask.isSecret(key: entry.key.text), !entry.value.isMapping else {
                    return (entry.key, entry.value.withoutSecrets)
                }
                let mask = Node(.scalar(Self.secretMask, isQuoted: true), at: entry.value.location)
                return (entry.key, mask)
            }
            return Node(.mapping(shown), at: location)
        }
    }

    /// A URL's `user:password@` is hidden.
    private static func withoutUser(_ text: String) -> String {
        guard let scheme = text.firstRange(of: "://") else { return text }
        let rest = text[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard let at = authority.lastIndex(of: "@") else { return text }
        return text[..<scheme.upperBound] + secretMask + text[at...]
    }
}

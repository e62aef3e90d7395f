import Options

/// Several files as one: lists are joined, of everything else the later one wins.
struct MergedNode {
    /// Top-level keys that hold lists of objects, ours and gost's.
    static let lists: Set<String> = [
        "services", "chains", "hops", "authers", "admissions", "bypasses", "resolvers", "hosts",
        "ingresses", "routers", "sds", "recorders", "rewriters", "caches", "limiters", "climiters",
        "rlimiters", "quotas", "observers", "loggers", "plugins",
    ]

    private var entries: [(key: Node.Key, value: Node)] = []
    private var indices: [String: Int] = [:]
    private var start: Location?
    /// Values that a later file replaced; they are read for their mistakes only.
    private(set) var replaced: [(key: String, value: Node)] = []
    private(set) var diagnostics: [Diagnostic] = []
    /// Top-level keys, in lower case, whose values aliases repeat.
    private(set) var templates: Set<String> = []

    /// Whether nothing was added.
    var isEmpty: Bool { entries.isEmpty }

    /// All files so far as one mapping.
    func node(orAt location: Location) -> Node {
        Node(.mapping(entries), at: start ?? location)
    }

    /// Adds one file.
    mutating func add(_ file: Node, isTemplate: (Node) -> Bool = { _ in false }) {
        guard case .mapping(let more) = file.value else {
            if !file.isNull {
                diagnostics += OptionReader(file, named: "").diagnostics
            }
            return
        }
        if start == nil { start = file.location }
        for (key, value) in more {
            let folded = key.text.lowercased()
            if isTemplate(value) { templates.insert(folded) }
            let value = Self.lists.contains(folded) ? Self.list(value) : value
            guard let index = indices[folded] else {
                indices[folded] = entries.count
                entries.append((key, value))
                continue
            }
            let before = entries[index]
            if case .sequence(let one) = before.value.value, case .sequence(let other) = value.value
            {
                let joined = Node(.sequence(one + other), at: before.value.location)
                entries[index] = (before.key, joined)
            } else if !value.isNull {
                replaced.append((folded, before.value))
                entries[index] = (key, value)
            }
        }
    }

    /// Sets `log.level` and leaves the rest of a file's `log:` as it is.
    mutating func set(logLevel: Node) {
        let level = (key: Node.Key(text: "level", location: logLevel.location), value: logLevel)
        guard let index = indices["log"], case .mapping(let before) = entries[index].value.value
        else {
            add(
                Node(
                    .mapping([
                        (
                            Node.Key(text: "log", location: logLevel.location),
                            Node(.mapping([level]), at: logLevel.location)
                        )
                    ]), at: logLevel.location))
            return
        }
        let kept = before.filter { $0.key.text.lowercased() != "level" }
        let log = entries[index]
        entries[index] = (log.key, Node(.mapping(kept + [level]), at: log.value.location))
    }

    /// A single object is a list of one, as everywhere in gost.
    private static func list(_ node: Node) -> Node {
        switch node.value {
        case .sequence: node
        case .mapping: Node(.sequence([node]), at: node.location)
        case .scalar:
            node.isNull
                ? Node(.sequence([]), at: node.location)
                : Node(.sequence([node]), at: node.location)
        }
    }
}

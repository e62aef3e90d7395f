package import Options

/// Changes one object of one of the top-level lists, as the API asks for it.
///
/// What comes out is a value that is loaded like a file; nothing here is in force yet.
package struct ConfigurationEdit {
    /// Why an edit cannot be made, with gost's code.
    package struct Fault: Error, Equatable {
        /// 40001 invalid, 40002 there already, 40004 not found.
        package let code: Int
        /// In words.
        package let message: String
    }

    /// The lists that can be edited, with what one of their objects is called.
    package static let kinds: [String: String] = [
        "services": "service", "chains": "chain", "hops": "hop", "authers": "auther",
        "admissions": "admission", "bypasses": "bypass", "resolvers": "resolver",
        "hosts": "hosts", "ingresses": "ingress", "routers": "router", "observers": "observer",
        "recorders": "recorder", "sds": "sd", "limiters": "limiter", "climiters": "limiter",
        "rlimiters": "limiter", "quotas": "quota", "caches": "cache", "rewriters": "rewriter",
    ]

    /// The list.
    package let list: String
    /// What one of its objects is called.
    package let word: String
    private let root: Node

    /// An edit of a list; nil where there is no such list.
    package init?(_ list: String, of root: Node) {
        guard let word = Self.kinds[list] else { return nil }
        self.list = list
        self.word = word
        self.root = root
    }

    /// The objects of the list, in order.
    package var objects: [Node] {
        guard let node = root.child(list) else { return [] }
        if case .sequence(let items) = node.value { return items }
        return []
    }

    /// The object of that name.
    package func object(_ name: String) -> Node? {
        objects.first { $0.child("name")?.text == name }
    }

    /// The configuration with one object more.
    package func adding(_ object: Node) throws(Fault) -> Node {
        let name = try checked(object)
        let object = Self.withoutStatus(object)
        guard self.object(name) == nil else {
            throw Fault(code: 40002, message: "\(word) \(name) already exists")
        }
        return with(objects + [object])
    }

    /// The configuration with another object in the place of that name, which it keeps.
    package func replacing(_ name: String, with object: Node) throws(Fault) -> Node {
        guard self.object(name) != nil else { throw notFound(name) }
        let object = Self.named(name, Self.withoutStatus(object))
        _ = try checked(object)
        return with(objects.map { $0.child("name")?.text == name ? object : $0 })
    }

    /// The configuration without that object.
    package func removing(_ name: String) throws(Fault) -> Node {
        guard object(name) != nil else { throw notFound(name) }
        return with(objects.filter { $0.child("name")?.text != name })
    }

    private func notFound(_ name: String) -> Fault {
        Fault(code: 40004, message: "\(word) \(name) not found")
    }

    /// An object from outside names nothing of the machine: no files, no commands. Neither does it
    /// carry the marks that stand for secrets in answers.
    private func checked(_ object: Node) throws(Fault) -> String {
        guard let name = object.child("name")?.text, !name.isEmpty else {
            throw Fault(code: 40001, message: "\(word) name is required")
        }
        if let key = Self.reachingKey(in: object) {
            throw Fault(
                code: 40001,
                message: "'\(key)' cannot be set by the API: files and commands come "
                    + "from the configuration file")
        }
        if Self.holdsMask(object) {
            throw Fault(
                code: 40001,
                message: "a secret is masked; send the secret itself, or log in to "
                    + "read it")
        }
        return name
    }

    private static let reaching: Set<String> = [
        "file", "certfile", "keyfile", "cafile", "preup", "predown", "postup", "postdown", "netns",
        "netns.out", "exec", "command", "dir",
    ]

    private static func reachingKey(in node: Node) -> String? {
        switch node.value {
        case .scalar:
            return nil
        case .sequence(let items):
            return items.lazy.compactMap { reachingKey(in: $0) }.first
        case .mapping(let entries):
            for (key, value) in entries {
                let last = key.text.lowercased().split(separator: ".").last.map(String.init) ?? ""
                if reaching.contains(key.text.lowercased()) || reaching.contains(last) {
                    return key.text
                }
                if let found = reachingKey(in: value) { return found }
            }
            return nil
        }
    }

    private static func holdsMask(_ node: Node) -> Bool {
        switch node.value {
        case .scalar(let text, _): text == Node.secretMask
        case .sequence(let items): items.contains { holdsMask($0) }
        case .mapping(let entries): entries.contains { holdsMask($0.value) }
        }
    }

    /// What the API tells of a running service comes back with an object that was read.
    private static func withoutStatus(_ object: Node) -> Node {
        guard case .mapping(let entries) = object.value else { return object }
        let kept = entries.filter { $0.key.text.lowercased() != "status" }
        return Node(.mapping(kept), at: object.location)
    }

    private static func named(_ name: String, _ object: Node) -> Node {
        guard case .mapping(let entries) = object.value else { return object }
        let rest = entries.filter { $0.key.text.lowercased() != "name" }
        let key = Node.Key(text: "name", location: object.location)
        let value = Node(.scalar(name, isQuoted: true), at: object.location)
        return Node(.mapping([(key, value)] + rest), at: object.location)
    }

    private func with(_ items: [Node]) -> Node {
        guard case .mapping(let entries) = root.value else { return root }
        let list = Node(.sequence(items), at: root.location)
        let key = Node.Key(text: self.list, location: root.location)
        var isThere = false
        var changed: [(key: Node.Key, value: Node)] = entries.map { entry in
            guard entry.key.text.lowercased() == self.list else { return entry }
            isThere = true
            return (entry.key, list)
        }
        if !isThere { changed.append((key, list)) }
        return Node(.mapping(changed), at: root.location)
    }
}

extension Configuration {
    /// The value that JSON or YAML text stands for; nil where it cannot be read or is no mapping.
    package static func object(_ bytes: [UInt8]) -> Node? {
        let composed = NodeComposer.compose(bytes, file: "API")
        guard !composed.isBroken, composed.diagnostics.isEmpty, let node = composed.node,
            node.isMapping
        else { return nil }
        return node
    }
}

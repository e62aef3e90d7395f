import Options

/// The parts of a configuration as texts that are equal when the parts mean the same, so that two
/// configurations can be compared part by part.
///
/// A part's text holds everything that it names, directly or through others: an object of a list by
/// its name, a plugin by its GUID, a file by what is in it. A word that is a name only by chance
/// makes parts look different that are not, which costs a little work and changes nothing.
package struct ConfigurationFingerprints: Sendable {
    private let root: [String: Node]
    private let objects: [String: [(list: String, node: Node)]]
    private let services: [String: Node]
    private let files: [String: String]

    /// Fingerprints of a merged configuration and of the files that it names, by their paths.
    init(_ root: Node, files: [String: String]) {
        var sections: [String: Node] = [:]
        var objects: [String: [(list: String, node: Node)]] = [:]
        var services: [String: Node] = [:]
        for (key, value) in Self.entries(root) {
            let list = key.text.lowercased()
            sections[list] = value
            guard MergedNode.lists.contains(list), case .sequence(let items) = value.value
            else { continue }
            for item in items {
                let naming = list == "plugins" ? "guid" : "name"
                guard let name = Self.text(of: naming, in: item) else { continue }
                if list == "services" {
                    services[name] = item
                } else {
                    objects[name, default: []].append((list, item))
                }
            }
        }
        self.root = sections
        self.objects = objects
        self.services = services
        self.files = files
    }

    /// A service; nil where there is none of that name.
    package func service(_ name: String) -> String? { services[name].map { text(of: $0) } }

    /// An object of one of the top-level lists; nil where there is none of that name.
    package func object(_ list: String, _ name: String) -> String? {
        let found = objects[name]?.filter { $0.list == list } ?? []
        return found.isEmpty ? nil : found.map { text(of: $0.node) }.joined(separator: "\n")
    }

    /// A top-level key that is no list of objects, such as `log`; empty where it is missing.
    package func section(_ key: String) -> String { root[key].map { text(of: $0) } ?? "" }

    // MARK: Texts

    private func text(of node: Node) -> String {
        var text = ""
        var named: [String] = []
        Self.write(node, to: &text, named: &named)
        var seen: Set<String> = []
        while let name = named.popLast() {
            guard seen.insert(name).inserted else { continue }
            if let content = files[name] { text += "\n\(name) = \(content)" }
            for (list, object) in objects[name] ?? [] {
                text += "\n\(list) "
                Self.write(object, to: &text, named: &named)
            }
        }
        return text
    }

    /// The node without its places; mappings by their keys, since their order means nothing.
    private static func write(_ node: Node, to text: inout String, named: inout [String]) {
        switch node.value {
        case .scalar(let value, _):
            text += "\"\(value)\""
            named.append(value)
            // Lists of names may stand in one text, with spaces around each.
            named += value.split(separator: ",").map { part in
                String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
        case .sequence(let items):
            text += "["
            for item in items {
                write(item, to: &text, named: &named)
                text += ","
            }
            text += "]"
        case .mapping(let entries):
            text += "{"
            let sorted = entries.map { (key: $0.key.text.lowercased(), value: $0.value) }
                .sorted { $0.key < $1.key }
            for (key, value) in sorted {
                text += "\(key):"
                write(value, to: &text, named: &named)
                text += ","
            }
            text += "}"
        }
    }

    private static func entries(_ node: Node) -> [(key: Node.Key, value: Node)] {
        if case .mapping(let entries) = node.value { entries } else { [] }
    }

    private static func text(of key: String, in node: Node) -> String? {
        let value = entries(node).first { $0.key.text.lowercased() == key }?.value
        guard case .scalar(let text, _) = value?.value else { return nil }
        return text
    }
}

import Options

/// Several `metadata` mappings that gost's command line fills alike: it copies every query key into
/// all of them. A key that belongs into another one is accepted where that one says the same.
struct CopiedMetadata {
    /// The mappings' readers, in the order given.
    var readers: [OptionReader]
    private let parts: [(owner: String, node: Node?)]

    /// Mappings and how messages call their owners, such as "the handler's".
    init(_ parts: [(owner: String, node: Node?)], unknownKeys: Diagnostic.Severity) {
        self.parts = parts
        readers = parts.map { OptionReader($0.node, named: "metadata", unknownKeys: unknownKeys) }
    }

    /// Reports what is left and returns all findings. Call it when everything has been read.
    mutating func finish() -> [Diagnostic] {
        for index in readers.indices {
            for key in GostVocabulary.copiedByCommandLine { readers[index].accept(key) }
        }
        for index in readers.indices {
            for key in readers[index].unasked {
                let owners = readers.indices.filter { $0 != index && readers[$0].knows(key.text) }
                guard let owner = owners.first else { continue }
                readers[index].accept(key.text)
                let text = parts[index].node?.child(key.text)?.text
                let isCopy = owners.contains { parts[$0].node?.child(key.text)?.text == text }
                if !isCopy {
                    readers[index].report(
                        Diagnostic(
                            readers[index].unknownKeys, at: key.location,
                            "'\(key.text)' does nothing in \(parts[index].owner) metadata",
                            hint: "it belongs into \(parts[owner].owner) metadata"))
                }
            }
        }
        return readers.indices.flatMap { readers[$0].finish() }
    }

    /// Accepts everything: used where the type they belong to is not available.
    mutating func acceptAll() {
        for index in readers.indices {
            for key in readers[index].keys { readers[index].accept(key.text) }
        }
    }

    /// Whether one of the mappings has this key with this text.
    func has(_ key: String, _ text: String?) -> Bool {
        parts.contains { $0.node?.child(key).map { $0.text == text } ?? false }
    }
}

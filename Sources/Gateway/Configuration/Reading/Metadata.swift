import Options

/// The three `metadata` mappings of a service: gost's command line copies every query key into all
/// of them, so a key that belongs into another one is accepted where that one says the same.
struct Metadata {
    /// The handler's.
    var handler: OptionReader
    /// The listener's.
    var listener: OptionReader
    /// The service's own.
    var service: OptionReader
    private let nodes: [Node?]

    init(handler: Node?, listener: Node?, service: Node?, unknownKeys: Diagnostic.Severity) {
        nodes = [handler, listener, service]
        self.handler = OptionReader(handler, named: "metadata", unknownKeys: unknownKeys)
        self.listener = OptionReader(listener, named: "metadata", unknownKeys: unknownKeys)
        self.service = OptionReader(service, named: "metadata", unknownKeys: unknownKeys)
    }

    /// Reports what is left and returns all findings. Call it when everything has been read.
    mutating func finish() -> [Diagnostic] {
        var readers = [handler, listener, service]
        let names = ["the handler's", "the listener's", "the service's"]
        for index in readers.indices {
            for key in GostVocabulary.copiedByCommandLine { readers[index].accept(key) }
        }
        for index in readers.indices {
            for key in readers[index].unasked {
                let owners = readers.indices.filter { $0 != index && readers[$0].knows(key.text) }
                guard let owner = owners.first else { continue }
                readers[index].accept(key.text)
                let text = nodes[index]?.child(key.text)?.text
                let isCopy = owners.contains { nodes[$0]?.child(key.text)?.text == text }
                if !isCopy {
                    readers[index].report(
                        Diagnostic(
                            readers[index].unknownKeys, at: key.location,
                            "'\(key.text)' does nothing in \(names[index]) metadata",
                            hint: "it belongs into \(names[owner]) metadata"))
                }
            }
        }
        return readers.indices.flatMap { readers[$0].finish() }
    }

    /// Accepts everything: used where the type they belong to is not available.
    mutating func acceptAll() {
        for key in handler.keys { handler.accept(key.text) }
        for key in listener.keys { listener.accept(key.text) }
        for key in service.keys { service.accept(key.text) }
    }
}

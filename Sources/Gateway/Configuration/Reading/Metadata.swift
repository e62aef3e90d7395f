import Options

/// The three `metadata` mappings of a service.
struct Metadata {
    private var copies: CopiedMetadata

    /// The handler's.
    var handler: OptionReader {
        get { copies.readers[0] }
        _modify { yield &copies.readers[0] }
    }
    /// The listener's.
    var listener: OptionReader {
        get { copies.readers[1] }
        _modify { yield &copies.readers[1] }
    }
    /// The service's own.
    var service: OptionReader {
        get { copies.readers[2] }
        _modify { yield &copies.readers[2] }
    }

    init(handler: Node?, listener: Node?, service: Node?, unknownKeys: Diagnostic.Severity) {
        copies = CopiedMetadata(
            [
                ("the handler's", handler), ("the listener's", listener),
                ("the service's", service),
            ], unknownKeys: unknownKeys)
    }

    /// Reports what is left and returns all findings. Call it when everything has been read.
    mutating func finish() -> [Diagnostic] { copies.finish() }

    /// Accepts everything: used where the type they belong to is not available.
    mutating func acceptAll() { copies.acceptAll() }
}

import Options

extension RouteOptions {
    /// Reads `chain`, `chainGroup` and `retries` of a handler, and `hash` of its metadata.
    init(from reader: inout OptionReader, metadata: inout OptionReader) {
        let chain = reader.locatedString("chain").flatMap { $0.value.isEmpty ? nil : $0 }
        chains = chain.map { [$0] } ?? []
        selector = .standard
        reader.notYet(.error, ["chainGroup"])
        retries = reader.integer("retries", default: 0, in: 0...100)
        if retries > 0, chains.isEmpty {
            reader.warn(
                "'retries' is for chains: every address of a name is tried anyway",
                at: reader.location(of: "retries"))
        }
        hashesByHost = metadata.choice("hash", among: ["host": true]) ?? false
    }
}

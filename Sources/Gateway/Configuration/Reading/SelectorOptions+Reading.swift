import Options

extension SelectorOptions {
    /// Reads `selector:` with gost's defaults.
    init(from reader: inout OptionReader) {
        let words: KeyValuePairs<String, Strategy?> = [
            "round": .round, "rr": .round, "random": .random, "rand": .random, "fifo": .fifo,
            "ha": .fifo, "hash": .hash, "parallel": nil, "lowestlatency": nil, "lowest": nil,
            "ll": nil,
        ]
        let chosen = reader.choice("strategy", among: words)
        if case .some(.none) = chosen {
            reader.error(
                "this strategy is not available yet", at: reader.location(of: "strategy"),
                hint: "available are: round, random, fifo, hash")
        }
        strategy = (chosen ?? .round) ?? .round
        let fails = reader.integer("maxFails", default: 1, in: 0...1_000_000)
        maxFails = fails == 0 ? 1 : fails
        let timeout = reader.duration(
            "failTimeout", default: .seconds(10), bareNumber: .isNanoseconds)
        failTimeout = timeout == .zero ? .seconds(10) : timeout
        reader.notYet(.warning, ["maxLatency"])
    }
}

extension ShareOptions {
    /// Reads its keys of a `metadata`.
    init(from reader: inout OptionReader) {
        weight = max(1, reader.integer("weight", default: 1, in: 0...1_000_000))
        isBackup = reader.metadataBool("backup", default: false)
        maxFails = reader.integer("maxFails", "max_fails", in: 0...1_000_000)
            .flatMap { $0 == 0 ? nil : $0 }
        failTimeout = reader.duration("failTimeout", "fail_timeout", bareNumber: .isSeconds)
            .flatMap { $0 == .zero ? nil : $0 }
    }
}

import Model

/// Where counts belong: a quarter of an hour, who and what, where to.
struct UsageKey: Hashable {
    let bucket: Int64
    let subject: Int64
    let destination: String
}

/// Quarters of an hour since 1970, UTC. Days of every time zone in use begin at one of their
/// edges, so that days are computed on reading.
enum UsageBucket {
    static let milliseconds: Int64 = 900_000

    /// The bucket of a moment.
    static func of(_ moment: Int64) -> Int64 {
        let (quotient, remainder) = moment.quotientAndRemainder(dividingBy: milliseconds)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

/// What a batch adds to the usage table, summed before it is written.
struct UsageTally {
    /// Flows that began, and counts that were added.
    struct Sum {
        var flows: Int64 = 0
        var counts = FlowCounts()
    }

    private(set) var sums: [UsageKey: Sum] = [:]

    /// A flow began.
    mutating func addFlow(_ key: UsageKey) { sums[key, default: Sum()].flows += 1 }

    /// Counts were added.
    mutating func add(_ counts: FlowCounts, _ key: UsageKey) {
        sums[key, default: Sum()].counts.add(counts)
    }
}

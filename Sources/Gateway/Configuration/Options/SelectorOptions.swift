/// How one of several alternatives is chosen: nodes of a forwarder or a hop, chains of a group.
package struct SelectorOptions: Sendable {
    /// Which one is next.
    package enum Strategy: String, Sendable {
        /// One after the other.
        case round
        /// By weight and chance.
        case random
        /// The first that works.
        case fifo
        /// By the user or the client's address, or by what was asked for.
        case hash
    }

    /// Which one is next.
    package let strategy: Strategy
    /// One rests after so many failures in a row.
    package let maxFails: Int
    /// How long it rests.
    package let failTimeout: Duration

    init(strategy: Strategy, maxFails: Int, failTimeout: Duration) {
        self.strategy = strategy
        self.maxFails = maxFails
        self.failTimeout = failTimeout
    }

    /// gost's defaults where there is no `selector:`.
    package static let standard = SelectorOptions(
        strategy: .round, maxFails: 1, failTimeout: .seconds(10))
}

/// What one alternative says of its own part, in its `metadata`.
package struct ShareOptions: Sendable {
    /// Its share under `random`, from 1.
    package let weight: Int
    /// Whether it is used only when no other one works.
    package let isBackup: Bool
    /// The selector's `maxFails`, if it has its own.
    package let maxFails: Int?
    /// The selector's `failTimeout`, if it has its own.
    package let failTimeout: Duration?

    init(weight: Int, isBackup: Bool, maxFails: Int?, failTimeout: Duration?) {
        self.weight = weight
        self.isBackup = isBackup
        self.maxFails = maxFails
        self.failTimeout = failTimeout
    }

    /// Nothing said.
    static let standard = ShareOptions(
        weight: 1, isBackup: false, maxFails: nil, failTimeout: nil)
}

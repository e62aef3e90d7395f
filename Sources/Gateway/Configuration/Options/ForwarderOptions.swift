package import Model
package import Options

/// Where a forwarding handler sends its traffic.
package struct ForwarderOptions: Sendable {
    /// How the next node is chosen.
    package enum Strategy: String, Sendable {
        /// One after the other.
        case round
        /// By weight and chance.
        case random
        /// The first that works.
        case fifo
        /// By the client's address.
        case hash
    }

    /// One or more.
    package let nodes: [ForwardNodeOptions]
    /// How the next node is chosen.
    package let strategy: Strategy
    /// A node rests after so many failures in a row.
    package let maxFails: Int
    /// How long it rests.
    package let failTimeout: Duration

    init(nodes: [ForwardNodeOptions], strategy: Strategy, maxFails: Int, failTimeout: Duration) {
        self.nodes = nodes
        self.strategy = strategy
        self.maxFails = maxFails
        self.failTimeout = failTimeout
    }
}

/// One target of a forwarder.
package struct ForwardNodeOptions: Sendable {
    /// Its name in the log.
    package let name: String
    /// Where it is.
    package let destination: Located<Destination>
    /// Its share under `random`, from 1.
    package let weight: Int
    /// Whether it is used only when no other node works.
    package let isBackup: Bool
    /// The forwarder's `maxFails`, if it has its own.
    package let maxFails: Int?
    /// The forwarder's `failTimeout`, if it has its own.
    package let failTimeout: Duration?

    init(
        name: String, destination: Located<Destination>, weight: Int, isBackup: Bool,
        maxFails: Int?, failTimeout: Duration?
    ) {
        self.name = name
        self.destination = destination
        self.weight = weight
        self.isBackup = isBackup
        self.maxFails = maxFails
        self.failTimeout = failTimeout
    }
}

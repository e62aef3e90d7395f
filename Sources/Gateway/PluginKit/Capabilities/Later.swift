// Capabilities whose shape is fixed and whose callers arrive with later parts. A plugin that
// attaches one is refused at start (`ExtensionPoints.uncalled`), so none waits in vain.

/// Publishes the accounts that may use the gateway, with their limits.
public protocol AccountSource: Sendable {
    /// The accounts as of now, complete. Asked again after `refreshMilliseconds`.
    func accounts() async throws -> AccountSnapshot
}

/// Accounts at one moment.
public struct AccountSnapshot: Sendable {
    /// Bytes each user may still move, summed over both directions; nil is without limit.
    public let remainingBytes: [String: UInt64?]
    /// When to ask again.
    public let refreshMilliseconds: Int

    /// A snapshot.
    public init(remainingBytes: [String: UInt64?], refreshMilliseconds: Int) {
        self.remainingBytes = remainingBytes
        self.refreshMilliseconds = refreshMilliseconds
    }
}

/// Chooses the node that carries a flow.
public protocol UpstreamChooser: Sendable {
    /// The node's name, or nil to leave the choice to the next chooser.
    func choose(for proposal: FlowProposal) async throws -> String?
}

/// Contributes samples to the metrics endpoint.
public protocol Metrics: Sendable {
    /// The samples as of now; names without the `weir_` prefix.
    func samples() async -> [MetricSample]
}

/// One number with its labels.
public struct MetricSample: Sendable {
    /// The metric's name.
    public let name: String
    /// Labels; few and bounded.
    public let labels: [(name: String, value: String)]
    /// The value.
    public let value: Double

    /// A sample.
    public init(name: String, labels: [(name: String, value: String)], value: Double) {
        self.name = name
        self.labels = labels
        self.value = value
    }
}

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

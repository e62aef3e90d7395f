public import Model

/// Allows or refuses flows of handlers that name the plugin's GUID, before they are dialled.
public protocol Admission: Sendable {
    /// Answers within `Limits.pluginAnswerMilliseconds`; later, or with a throw, it is a refusal.
    /// For UDP it is asked once for each new (client, destination) pair.
    func admit(_ proposal: FlowProposal) async throws -> Verdict
}

/// A flow that is about to be dialled.
public struct FlowProposal: Sendable {
    /// The service and handler.
    public let origin: ServiceInfo
    /// The authenticated user, or nil.
    public let user: String?
    /// What the payload will travel in.
    public let transport: TransportProtocol
    /// The client's address.
    public let client: Endpoint
    /// What the client asked for, names unresolved.
    public let destination: Destination

    /// A proposal.
    public init(
        origin: ServiceInfo, user: String?, transport: TransportProtocol, client: Endpoint,
        destination: Destination
    ) {
        self.origin = origin
        self.user = user
        self.transport = transport
        self.client = client
        self.destination = destination
    }
}

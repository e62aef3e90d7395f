/// The unchanging facts of one service and its handler, shared by all of its flows.
///
/// ## Concurrency
/// Immutable, so any thread may read it.
public final class ServiceInfo: Sendable {
    /// The service's name in the configuration.
    public let service: String
    /// The handler's type, such as `socks5`.
    public let handler: String
    /// The GUIDs of the handler's `statsGUID`, in file order.
    public let guids: [String]

    /// Facts from the configuration.
    public init(service: String, handler: String, guids: [String]) {
        self.service = service
        self.handler = handler
        self.guids = guids
    }
}

/// The unchanging facts of one flow, shared by the loop that runs it and the plugins that see it.
///
/// One allocation per flow.
///
/// ## Concurrency
/// Immutable, so any thread may read it.
public final class FlowInfo: Sendable {
    /// The flow's identity.
    public let id: FlowID
    /// The run of the gateway that the flow belongs to.
    public let boot: BootID
    /// The service and handler that accepted it.
    public let origin: ServiceInfo
    /// The authenticated user, or nil.
    public let user: String?
    /// The user's lease of the node, or nil where there is no user.
    public let session: SessionID?
    // Beside the session, whose padding it fills: there is one of these for every open flow.
    /// What the payload travels in.
    public let transport: TransportProtocol
    /// The node that carries the flow, or nil for this gateway itself.
    public let node: String?
    /// The name that was asked for, or nil where it was an address.
    public let host: String?
    /// The hops taken, outermost first; empty when direct.
    public let route: [String]
    /// When the flow opened: milliseconds since 1970, UTC.
    public let openedMilliseconds: Int64
    private let endpoints: PackedEndpoints

    /// Facts as the handler knows them when the flow opens.
    public init(
        id: FlowID, boot: BootID, origin: ServiceInfo, user: String?, session: SessionID?,
        node: String? = nil, transport: TransportProtocol, client: Endpoint, destination: Endpoint,
        host: String?, route: [String] = [], listener: Endpoint, upstreamLocal: Endpoint,
        upstreamRemote: Endpoint, openedMilliseconds: Int64
    ) {
        self.id = id
        self.boot = boot
        self.origin = origin
        self.user = user
        self.session = session
        self.node = node
        self.transport = transport
        self.host = host
        self.route = route
        self.openedMilliseconds = openedMilliseconds
        endpoints = PackedEndpoints(
            client, destination, listener, upstreamLocal, upstreamRemote)
    }

    /// The client's address.
    public var client: Endpoint { endpoints[0] }
    /// The destination's address, after resolution.
    public var destination: Endpoint { endpoints[1] }
    /// Our address that the client connected or sent to.
    public var listener: Endpoint { endpoints[2] }
    /// Our address on the first hop's socket.
    public var upstreamLocal: Endpoint { endpoints[3] }
    /// The first hop's address.
    public var upstreamRemote: Endpoint { endpoints[4] }
}

package import Codecs
package import Limiting
package import Metering
package import Model
package import Routing

/// What a handler needs to know of its service, from the configuration. Shared by all loops.
package struct ServiceSettings: Sendable {
    /// Facts that flows carry, and what reporters want.
    package var metered: MeteredService
    /// Who may use it.
    package var gate: LoginGate
    /// The whole handshake's time.
    package var handshakeNanoseconds: UInt64
    /// The time for resolving and connecting.
    package var dialNanoseconds: UInt64
    /// How long a stream may be quiet.
    package var streamIdleNanoseconds: UInt64
    /// How long a datagram flow may be quiet.
    package var datagramIdleNanoseconds: UInt64
    /// What the handler does.
    package var handler: HandlerSettings
    /// Whose PROXY headers are believed; nil where no header is expected.
    package var introducers: Introducers?
    /// The PROXY header that targets of a forward are sent first; nil for none.
    package var introducing: ProxyProtocol.Version?
    /// What limits its flows.
    package var limits: [any LimitSource]
    /// What limits its connections; nil where nothing does.
    package var arrivals: ArrivalGate?
    /// Whom it talks with at all.
    package var clients: AdmissionGroup
    /// Destinations that it refuses.
    package var bypasses: BypassGroup
    /// How connections leave that go directly.
    package var egress: EgressPlan

    package init(
        metered: MeteredService, gate: LoginGate, handshakeNanoseconds: UInt64,
        dialNanoseconds: UInt64, streamIdleNanoseconds: UInt64, datagramIdleNanoseconds: UInt64,
        handler: HandlerSettings, introducers: Introducers? = nil,
        introducing: ProxyProtocol.Version? = nil, limits: [any LimitSource] = [],
        arrivals: ArrivalGate? = nil, clients: AdmissionGroup = .everybody,
        bypasses: BypassGroup = .none, egress: EgressPlan = .anywhere
    ) {
        self.introducers = introducers
        self.introducing = introducing
        self.metered = metered
        self.gate = gate
        self.handshakeNanoseconds = handshakeNanoseconds
        self.dialNanoseconds = dialNanoseconds
        self.streamIdleNanoseconds = streamIdleNanoseconds
        self.datagramIdleNanoseconds = datagramIdleNanoseconds
        self.handler = handler
        self.limits = limits
        self.arrivals = arrivals
        self.clients = clients
        self.bypasses = bypasses
        self.egress = egress
    }
}

/// What a service's handler does.
package enum HandlerSettings: Sendable {
    /// SOCKS4, 4a and 5.
    case socks(SOCKSSettings)
    /// Streams to fixed targets.
    case forward(TargetList)
    /// An HTTP proxy.
    case http(HTTPSettings)
    /// By the client's first byte: SOCKS, or an HTTP proxy.
    case auto(HTTPSettings, SOCKSSettings)
}

/// What a SOCKS service offers.
package struct SOCKSSettings: Sendable {
    /// Whether UDP ASSOCIATE is served.
    package var servesDatagrams: Bool
    /// Whether BIND is served.
    package var servesBind: Bool
    /// The address told to clients in replies to UDP ASSOCIATE and BIND, where the socket's own is
    /// not the one they can reach.
    package var publicAddress: IPAddress?
    /// Ports for associations; nil lets the kernel choose.
    package var datagramPorts: ClosedRange<UInt16>?

    package init(
        servesDatagrams: Bool = false, servesBind: Bool = false, publicAddress: IPAddress? = nil,
        datagramPorts: ClosedRange<UInt16>? = nil
    ) {
        self.servesDatagrams = servesDatagrams
        self.servesBind = servesBind
        self.publicAddress = publicAddress
        self.datagramPorts = datagramPorts
    }
}

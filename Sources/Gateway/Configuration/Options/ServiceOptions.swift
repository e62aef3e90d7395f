package import Model
package import Options

/// One service: where it listens, what it speaks, and where its traffic goes.
package struct ServiceOptions: Sendable {
    /// Unique among services.
    package let name: Located<String>
    /// Where it listens. `::` takes IPv4 too, as in gost; port 0 lets the kernel choose.
    package let address: Located<Endpoint>
    /// What it speaks.
    package let handler: HandlerOptions
    /// What it listens with.
    package let listener: ListenerOptions
    /// Where a forwarding handler sends its traffic; nil for the others.
    package let forwarder: ForwarderOptions?
    /// The `resolvers:` entry it uses; nil for the system's.
    package let resolver: Located<String>?
    /// The `hosts:` entry it asks first.
    package let hosts: Located<String>?
    /// What limits its flows: the service's own limiter, then its handler's.
    package let limiters: [LimiterReference]
    /// The `climiters:` entry that limits its connections.
    package let connectionLimiter: Located<String>?
    /// The `rlimiters:` entry that limits how often they come.
    package let arrivalLimiter: Located<String>?
    /// The `admissions:` entries that must all let a client in.
    package let admissions: [Located<String>]
    /// The `bypasses:` entries that its destinations are looked up in.
    package let bypasses: [Located<String>]
    /// The `quotas:` entries that its flows count towards.
    package let quotas: [Located<String>]
    /// The `observers:` entry that is told what it does and what its flows move.
    package let observer: ObserverReference?
    /// The `observers:` entry that is told what each of its clients moves.
    package let handlerObserver: ObserverReference?
    /// Whether its clients may reach private addresses.
    package let allowsPrivateDestinations: Bool
    /// PROXY headers in front of its clients' bytes; nil where none are expected.
    package let proxyHeaders: ProxyHeaderOptions?
    /// Whether it goes directly although its handler names a chain.
    package let ignoresChain: Bool
    /// How connections leave that go directly.
    package let egress: EgressOptions
    /// The time for resolving, connecting and all handshakes of a chain together; above zero.
    package let dialTimeout: Duration

    init(
        name: Located<String>, address: Located<Endpoint>, handler: HandlerOptions,
        listener: ListenerOptions, forwarder: ForwarderOptions?, resolver: Located<String>?,
        hosts: Located<String>?, limiters: [LimiterReference],
        connectionLimiter: Located<String>?, arrivalLimiter: Located<String>?,
        admissions: [Located<String>], bypasses: [Located<String>],
        quotas: [Located<String>], observer: ObserverReference?,
        handlerObserver: ObserverReference?,
        allowsPrivateDestinations: Bool,
        proxyHeaders: ProxyHeaderOptions?,
        ignoresChain: Bool, egress: EgressOptions, dialTimeout: Duration
    ) {
        self.name = name
        self.address = address
        self.handler = handler
        self.listener = listener
        self.forwarder = forwarder
        self.resolver = resolver
        self.hosts = hosts
        self.limiters = limiters
        self.connectionLimiter = connectionLimiter
        self.arrivalLimiter = arrivalLimiter
        self.admissions = admissions
        self.bypasses = bypasses
        self.quotas = quotas
        self.observer = observer
        self.handlerObserver = handlerObserver
        self.allowsPrivateDestinations = allowsPrivateDestinations
        self.proxyHeaders = proxyHeaders
        self.ignoresChain = ignoresChain
        self.egress = egress
        self.dialTimeout = dialTimeout
    }

    /// Chains that its connections may take; empty where they go directly.
    package var chains: [ChainReference] { ignoresChain ? [] : handler.route.chains }
}

/// What a service believes of PROXY headers.
package struct ProxyHeaderOptions: Sendable, Equatable {
    /// Networks whose headers are believed; nil is everybody.
    package let trusted: [IPPrefix]?

    init(trusted: [IPPrefix]?) { self.trusted = trusted }
}

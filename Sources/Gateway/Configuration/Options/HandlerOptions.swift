package import Model
package import Options

/// What a service speaks with its clients, and who may use it.
package struct HandlerOptions: Sendable {
    /// What it does, with the options that only it has.
    package enum Kind: Sendable {
        /// SOCKS5, SOCKS4 and SOCKS4a.
        case socks5(SOCKS5Options)
        /// Everything goes to the forwarder's nodes.
        case forward(ForwardHandlerOptions)
        /// An HTTP proxy.
        case http(HTTPOptions)
        /// By the client's first byte: SOCKS, or an HTTP proxy.
        case auto(HTTPOptions, SOCKS5Options)
    }

    /// `type:` as written: `socks5`, `socks`, `socks4`, `socks4a`, `http`, `auto`, `tcp`, `udp` or
    /// `forward`.
    package let type: Located<String>
    /// What it does.
    package let kind: Kind
    /// Who checks users: names of `authers:` entries or GUIDs of plugins, in the order of asking.
    /// Empty lets everyone in, unless `credential` is there.
    package let authers: [Located<String>]
    /// The one user of `auth:`; nil where there is none or `authers` are named.
    package let credential: Credential?
    /// Clients that need no password.
    package let exemptClients: [IPPrefix]
    /// Which way its connections take.
    package let route: RouteOptions
    /// Who is told of its flows.
    package let statistics: StatisticsOptions
    /// Bounds the handshake (socks5), or what precedes the first byte (auto); above zero.
    package let readTimeout: Duration
    /// Ends a TCP flow on which no byte moved for so long; zero never does.
    package let idleTimeout: Duration

    init(
        type: Located<String>, kind: Kind, authers: [Located<String>], credential: Credential?,
        exemptClients: [IPPrefix], route: RouteOptions, statistics: StatisticsOptions,
        readTimeout: Duration, idleTimeout: Duration
    ) {
        self.type = type
        self.kind = kind
        self.authers = authers
        self.credential = credential
        self.exemptClients = exemptClients
        self.route = route
        self.statistics = statistics
        self.readTimeout = readTimeout
        self.idleTimeout = idleTimeout
    }

    /// Whether its clients say where to go.
    package var goesAnywhere: Bool {
        switch kind {
        case .socks5, .http, .auto: true
        case .forward: false
        }
    }

    /// Whether anybody may use it without naming himself.
    package var isOpen: Bool { authers.isEmpty && credential == nil }
}

/// What only the HTTP handler has.
package struct HTTPOptions: Sendable {
    /// Bounds the wait for the head of an answer; nil does not.
    package let answerTimeout: Duration?
    /// Bounds a client's head; above zero.
    package let headTimeout: Duration
    /// Whether connections to origins are used for several requests.
    package let keepsUpstreams: Bool
    /// What a client is told that it logs in to.
    package let realm: String
    /// What `Proxy-Agent` says.
    package let agent: String
    /// Fields of every answer of ours, in order.
    package let answerFields: [(name: String, value: String)]
    /// Whether CONNECT with `X-Gost-Protocol: udp` is served.
    package let allowsUDP: Bool

    init(
        answerTimeout: Duration?, headTimeout: Duration, keepsUpstreams: Bool, realm: String,
        agent: String, answerFields: [(name: String, value: String)], allowsUDP: Bool
    ) {
        self.allowsUDP = allowsUDP
        self.answerTimeout = answerTimeout
        self.headTimeout = headTimeout
        self.keepsUpstreams = keepsUpstreams
        self.realm = realm
        self.agent = agent
        self.answerFields = answerFields
    }
}

/// What only the SOCKS handler has.
package struct SOCKS5Options: Sendable {
    /// Whether UDP ASSOCIATE is served.
    package let allowsUDP: Bool
    /// Whether BIND is served.
    package let allowsBind: Bool
    /// Ends a UDP flow without a datagram for so long.
    package let udpTimeout: Duration
    /// The address told to clients in replies to UDP ASSOCIATE and BIND; nil for the socket's own.
    package let publicAddress: IPAddress?
    /// Ports that associations are bound to; nil lets the kernel choose.
    package let udpPorts: ClosedRange<UInt16>?

    init(
        allowsUDP: Bool, allowsBind: Bool, udpTimeout: Duration, publicAddress: IPAddress?,
        udpPorts: ClosedRange<UInt16>?
    ) {
        self.allowsUDP = allowsUDP
        self.allowsBind = allowsBind
        self.udpTimeout = udpTimeout
        self.publicAddress = publicAddress
        self.udpPorts = udpPorts
    }
}

/// What only forwarding handlers have.
package struct ForwardHandlerOptions: Sendable {
    /// The version of the PROXY header that targets are sent first, 1 or 2; nil for none.
    package let proxyProtocol: Located<Int>?

    init(proxyProtocol: Located<Int>?) { self.proxyProtocol = proxyProtocol }
}

/// Which plugins are told of a handler's flows, and in which form.
package struct StatisticsOptions: Sendable {
    /// Which meaning of rx and tx per-datagram reporters get.
    package enum Compatibility: String, Sendable {
        /// rx is client → destination, as the reporter's document says.
        case documented
        /// The opposite, as the shipping Go code does.
        case aerocore
    }

    /// `statsGUID`, in file order. A plugin sees a flow only if its GUID is here.
    package let guids: [Located<String>]
    /// The meaning of rx and tx.
    package let compatibility: Compatibility
    /// Whether per-datagram reporters are told of TCP too.
    package let reportsTCP: Bool

    init(guids: [Located<String>], compatibility: Compatibility, reportsTCP: Bool) {
        self.guids = guids
        self.compatibility = compatibility
        self.reportsTCP = reportsTCP
    }
}

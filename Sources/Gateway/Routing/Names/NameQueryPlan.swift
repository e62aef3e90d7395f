package import Model

/// A DNS server and how to reach it.
package struct NameServer: Hashable, Sendable {
    /// Where it is.
    package let endpoint: Endpoint
    /// UDP, with TCP for what does not fit; or TCP from the start.
    package let transport: TransportProtocol

    package init(_ endpoint: Endpoint, _ transport: TransportProtocol = .udp) {
        self.endpoint = endpoint
        self.transport = transport
    }
}

/// How names are asked for: of whom, how often, how long.
package struct NameQueryPlan: Hashable, Sendable {
    /// Whom to ask, in order; at least one.
    package let servers: [NameServer]
    /// How often every server is asked.
    package var attempts = 2
    /// How long one server is waited for.
    package var timeoutNanoseconds: UInt64 = 5_000_000_000
    /// How long the whole may take, whatever servers, attempts and domains there are. Clients give
    /// up after about this time.
    package var overallNanoseconds: UInt64 = 20_000_000_000
    /// Domains tried behind short names.
    package var searchDomains: [String] = []
    /// A name with at least so many dots is tried alone first.
    package var dotsMin = 1
    /// Where questions are said to come from (RFC 7871); nil says nothing.
    package var clientSubnet: IPPrefix?
    /// Which addresses to ask for.
    package var families = AddressFamilies.preferV4

    /// A plan with the C library's defaults.
    package init(servers: [NameServer]) {
        precondition(!servers.isEmpty, "somebody must be asked")
        self.servers = servers
    }

    /// What `/etc/resolv.conf` asks for.
    package init(_ configuration: ResolverConfiguration) {
        self.init(servers: configuration.nameServers.map { NameServer(Endpoint($0, 53)) })
        attempts = configuration.attempts
        timeoutNanoseconds = UInt64(configuration.timeoutSeconds) * 1_000_000_000
        searchDomains = configuration.searchDomains
        dotsMin = configuration.dotsMin
    }
}

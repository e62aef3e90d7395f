package import Model
package import Options

/// Name servers that are asked in order.
package struct ResolverOptions: Sendable {
    /// Unique among resolvers.
    package let name: Located<String>
    /// One or more.
    package let servers: [NameServerOptions]

    init(name: Located<String>, servers: [NameServerOptions]) {
        self.name = name
        self.servers = servers
    }
}

/// One name server and how it is asked.
package struct NameServerOptions: Sendable {
    /// How it is reached.
    package enum Transport: Hashable, Sendable {
        /// The system's own resolution: resolv.conf, hosts and NSS.
        case system
        /// Datagrams, TCP when an answer is cut.
        case udp(Endpoint)
        /// TCP.
        case tcp(Endpoint)
    }

    /// A family of addresses.
    package enum Family: String, Sendable {
        /// A records.
        case ipv4
        /// AAAA records.
        case ipv6
    }

    /// How it is reached.
    package let transport: Located<Transport>
    /// Which family's addresses come first; nil leaves the order to the gateway.
    package let preferred: Family?
    /// The only family asked for; nil asks for both.
    package let only: Family?
    /// How long an answer is kept: nil as long as it says; below zero not at all.
    package let timeToLive: Duration?
    /// How long an answer is waited for; above zero.
    package let timeout: Duration
    /// Where questions are said to come from; nil says nothing.
    package let clientSubnet: IPPrefix?
    /// The `chains:` entry that questions go through, over TCP; nil asks directly.
    package let chain: Located<String>?
    /// Whether an answer that is too old is given at once, and asked for anew behind it.
    package let answersStale: Bool

    init(
        transport: Located<Transport>, preferred: Family?, only: Family?, timeToLive: Duration?,
        timeout: Duration, clientSubnet: IPPrefix?, chain: Located<String>?, answersStale: Bool
    ) {
        self.transport = transport
        self.preferred = preferred
        self.only = only
        self.timeToLive = timeToLive
        self.timeout = timeout
        self.clientSubnet = clientSubnet
        self.chain = chain
        self.answersStale = answersStale
    }
}

package import Model
package import Options
package import Rules

/// A proxy that a chain may lead through.
package struct NodeOptions: Sendable {
    /// Its name in routes and messages.
    package let name: String
    /// Where it is.
    package let address: Located<Destination>
    /// What it speaks.
    package let connector: ConnectorOptions
    /// Its share in its hop.
    package let share: ShareOptions
    /// What it is for; nil is everything.
    package let matcher: MatcherOptions?
    /// The `bypasses:` entries whose destinations it is not for.
    package let bypasses: [Located<String>]
    /// How connections to it leave the machine, where it is a chain's first.
    package let egress: EgressOptions
    /// The version of the PROXY header that it is sent; nil sends none.
    package let proxyProtocol: Int?
    /// The `resolvers:` entry that finds its address.
    package let resolver: Located<String>?
    /// The `hosts:` entry that is asked first.
    package let hosts: Located<String>?

    init(
        name: String, address: Located<Destination>, connector: ConnectorOptions,
        share: ShareOptions, matcher: MatcherOptions?, bypasses: [Located<String>],
        egress: EgressOptions, proxyProtocol: Int?, resolver: Located<String>?,
        hosts: Located<String>?
    ) {
        self.name = name
        self.address = address
        self.connector = connector
        self.share = share
        self.matcher = matcher
        self.bypasses = bypasses
        self.egress = egress
        self.proxyProtocol = proxyProtocol
        self.resolver = resolver
        self.hosts = hosts
    }
}

/// What a node or a chain is for.
package struct MatcherOptions: Sendable {
    /// Holds for what it is for.
    package let rule: Rule
    /// The one with the highest priority above 0 is taken, if it is the only one.
    package let priority: Int

    init(rule: Rule, priority: Int) {
        self.rule = rule
        self.priority = priority
    }
}

/// What is spoken with a node.
package struct ConnectorOptions: Sendable {
    /// The protocol, with the options that only it has.
    package enum Kind: Sendable {
        /// CONNECT, with further header fields.
        case http(fields: [HeaderField])
        /// SOCKS5.
        case socks5
        /// Nothing: the node is the destination.
        case passThrough
    }

    /// One header field of requests.
    package struct HeaderField: Hashable, Sendable {
        /// Its name as written.
        package let name: String
        /// Its value.
        package let value: String

        init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A login at the node.
    package struct Login: Hashable, Sendable {
        /// The user.
        package let username: String
        /// The password; may be empty.
        package let password: String

        init(username: String, password: String) {
            self.username = username
            self.password = password
        }
    }

    /// `type:` as written, in lower case.
    package let type: Located<String>
    /// The protocol.
    package let kind: Kind
    /// Whom we are to the node; nil for nobody.
    package let login: Login?
    /// The node's time for its handshake; nil for what the whole chain has.
    package let timeout: Duration?
    /// How a node of SOCKS5 is asked to carry datagrams.
    package let datagramForm: DatagramForm

    init(
        type: Located<String>, kind: Kind, login: Login?, timeout: Duration?,
        datagramForm: DatagramForm
    ) {
        self.type = type
        self.kind = kind
        self.login = login
        self.timeout = timeout
        self.datagramForm = datagramForm
    }

    /// What `relay:` says.
    package enum DatagramForm: Sendable {
        /// Nothing, or `auto`: UDP over TCP, and UDP ASSOCIATE where the node does not know that.
        case any
        /// `tcp`: gost's UDP over TCP only.
        case frames
        /// `udp`: UDP ASSOCIATE only.
        case associate
    }

    /// Whether nothing is spoken with the node.
    package var isPassThrough: Bool {
        if case .passThrough = kind { true } else { false }
    }
}

package import Codecs
package import Model
package import Rules

/// A proxy that a chain may lead through.
package struct ChainNode: Sendable {
    /// Its name in routes and messages.
    package let name: String
    /// Where it is.
    package let address: Destination
    /// What is spoken with it.
    package let connector: Connector
    /// Who finds its address.
    package let names: NameChoice
    /// What it is for.
    package let filter: RouteFilter
    /// How it is told who the client is, in front of all else; nil tells it nothing.
    package let introducing: ProxyProtocol.Version?
    /// How connections to it leave the machine, where it is a chain's first.
    package let egress: EgressPlan
    /// Its share in its hop, and when it rests.
    package let member: Selector.Member
    /// What it was found to do with datagrams.
    let datagramHabit = DatagramHabit()

    package init(
        name: String, address: Destination, connector: Connector, names: NameChoice = .system,
        filter: RouteFilter = .everything, introducing: ProxyProtocol.Version? = nil,
        egress: EgressPlan = .anywhere, member: Selector.Member
    ) {
        self.name = name
        self.address = address
        self.connector = connector
        self.names = names
        self.filter = filter
        self.introducing = introducing
        self.egress = egress
        self.member = member
    }

    /// As messages name it: several nodes may have one name.
    package var label: String { "'\(name)' at \(address)" }
}

/// What a node or a chain is for.
package struct RouteFilter: Sendable {
    /// Must hold; nil holds for everything.
    package let rule: Rule?
    /// The one with the highest priority above 0 is taken, if it is the only one.
    package let priority: Int
    /// True for what is not for it.
    package let bypass: RouteBypass?

    package init(rule: Rule? = nil, priority: Int = 0, bypass: RouteBypass? = nil) {
        self.rule = rule
        self.priority = priority
        self.bypass = bypass
    }

    /// For everything.
    package static let everything = RouteFilter()

    func passes(_ request: RouteQuery) -> Bool {
        if let bypass, bypass(request) { return false }
        return rule?.holds(for: request.facts) ?? true
    }
}

/// Which resolver and which list of hosts find a name, by their names in the configuration.
package struct NameChoice: Hashable, Sendable {
    /// The resolver; nil is the system's ways.
    package let resolver: String?
    /// The list that is asked first.
    package let hosts: String?

    package init(resolver: String?, hosts: String?) {
        self.resolver = resolver
        self.hosts = hosts
    }

    /// The system's ways.
    package static let system = NameChoice(resolver: nil, hosts: nil)

    /// Whether nothing is chosen.
    package var isSystem: Bool { self == .system }
}

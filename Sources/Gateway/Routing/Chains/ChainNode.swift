package import Model

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
    /// Its share in its hop, and when it rests.
    package let member: Selector.Member

    package init(
        name: String, address: Destination, connector: Connector, names: NameChoice = .system,
        member: Selector.Member
    ) {
        self.name = name
        self.address = address
        self.connector = connector
        self.names = names
        self.member = member
    }

    /// As messages name it: several nodes may have one name.
    package var label: String { "'\(name)' at \(address)" }
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

/// What one entry of a list of hosts stands for, such as an entry of gost's bypasses and
/// admissions: hosts, and perhaps only some of their ports.
public struct HostPattern: Hashable, Sendable {
    /// Which hosts.
    public enum Hosts: Hashable, Sendable {
        /// Addresses of one family, from the first to the last.
        case addresses(IPAddress, IPAddress)
        /// One name, in lower case.
        case name(String)
        /// A name, in lower case, and every name below it.
        case domain(String)
        /// Names and texts of addresses that look so, in lower case: `*` stands for any characters,
        /// dots among them, and `?` for one.
        case glob(String)
    }

    /// Which hosts.
    public let hosts: Hosts
    /// Which ports of them; nil is all.
    public let ports: ClosedRange<UInt16>?

    /// A pattern from its parts.
    public init(_ hosts: Hosts, ports: ClosedRange<UInt16>? = nil) {
        self.hosts = hosts
        self.ports = ports
    }

    /// The same hosts with all of their ports.
    public var withoutPorts: HostPattern { HostPattern(hosts) }
}

/// The host and port that a client asked for, before any name is resolved.
public struct Destination: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address.
    public enum Host: Hashable, Sendable {
        /// A name as asked for, not yet resolved.
        case name(String)
        /// A literal address.
        case address(IPAddress)
    }

    /// The host.
    public let host: Host
    /// The port in host order.
    public let port: UInt16

    /// A destination from its parts.
    public init(host: Host, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// A destination that needs no resolution.
    public init(_ endpoint: Endpoint) {
        self.init(host: .address(endpoint.address), port: endpoint.port)
    }

    /// The name asked for, or nil for a literal address.
    public var name: String? {
        if case .name(let name) = host { name } else { nil }
    }

    /// `host:port`, IPv6 in brackets.
    public var description: String {
        switch host {
        case .name(let name): "\(name):\(port)"
        case .address(let address): Endpoint(address, port).description
        }
    }
}

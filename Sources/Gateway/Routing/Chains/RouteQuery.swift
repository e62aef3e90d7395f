import Bytes
package import Model
import Rules

/// What a way is looked for: who asks, and for what. Rules and lists decide by it.
package struct RouteQuery: Sendable {
    /// Where to.
    package var destination: Destination
    /// The transport of the payload.
    package var transport: TransportProtocol
    /// Who asks.
    package var client: Endpoint
    /// Who that is, where he logged in.
    package var user: String?
    /// Where he connected to, as nodes are told it; nil where he has no stream.
    package var listener: Endpoint?

    package init(
        _ destination: Destination, transport: TransportProtocol = .tcp, client: Endpoint,
        user: String?, listener: Endpoint? = nil
    ) {
        self.destination = destination
        self.transport = transport
        self.client = client
        self.user = user
        self.listener = listener
    }

    /// What rules may ask.
    var facts: RuleFacts {
        RuleFacts(client: client.address, transport: transport, destination: destination)
    }

    /// What `hash` goes by, as gost: the target where that is asked for, else the user, else the
    /// client's address.
    func key(byHost: Bool) -> UInt32 {
        CRC32.checksum(
            byHost ? destination.description : user ?? client.address.description)
    }
}

/// Whether a list takes a destination out of a way. Asked once per attempt for each hop and node
/// that names lists; must be quick and not block.
package typealias RouteBypass = @Sendable (RouteQuery) -> Bool

package import Model

/// What a rule asks about a request.
package struct RuleFacts: Sendable {
    /// Who asks.
    package let client: IPAddress
    /// How payload travels.
    package let transport: TransportProtocol
    /// The name or address asked for, names in lower case and without a last dot.
    package let host: String
    /// The port asked for.
    package let port: UInt16

    /// A stream or a datagram flow, nothing of whose payload is seen.
    package init(client: IPAddress, transport: TransportProtocol, destination: Destination) {
        self.client = client
        self.transport = transport
        port = destination.port
        switch destination.host {
        case .address(let address):
            host = address.description
        case .name(let name):
            let lowered = name.lowercased()
            host = lowered.hasSuffix(".") ? String(lowered.dropLast()) : lowered
        }
    }
}

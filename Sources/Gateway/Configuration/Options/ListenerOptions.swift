package import Model

/// What a service listens with.
package struct ListenerOptions: Sendable {
    /// The transport of its socket; it decides what a forwarding handler forwards.
    package let transport: TransportProtocol
    /// Ends a client's UDP flow without a datagram for so long. TCP has no use for it.
    package let timeToLive: Duration

    init(transport: TransportProtocol, timeToLive: Duration) {
        self.transport = transport
        self.timeToLive = timeToLive
    }
}

package import LinuxIO
package import Model

/// A peer's UDP socket. It keeps every datagram that comes; trains arrive as single datagrams.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread.
package final class PeerDatagrams {
    /// One datagram and who sent it.
    package struct Received: Equatable, Sendable {
        /// Who sent it.
        package let source: Endpoint
        /// Its payload.
        package let bytes: [UInt8]
    }

    /// Every datagram received, in order.
    package private(set) var received: [Received] = []
    /// Called with every datagram.
    package var onReceive: ((PeerDatagrams, Received) -> Void)?
    private let socket: SimulatedDatagramSocket

    init(_ socket: SimulatedDatagramSocket, onReceive: ((PeerDatagrams, Received) -> Void)?) {
        self.socket = socket
        self.onReceive = onReceive
        socket.observer = { [self] in serve() }
    }

    /// Where it is bound.
    package var endpoint: Endpoint { socket.endpoint }

    /// Sends a datagram, or a train of datagrams of `segmentBytes`.
    package func send(
        _ bytes: some Collection<UInt8>, to destination: Endpoint, segmentBytes: Int = 0
    ) throws(Errno) {
        let refusal = socket.kernel.refusal(
            socket, to: destination, count: bytes.count, segmentBytes: segmentBytes)
        if let refusal { throw Errno(refusal, in: "sendto") }
        socket.kernel.carry(
            Array(bytes), segmentBytes: segmentBytes, from: socket.endpoint, to: destination)
    }

    /// Stops receiving: what is sent to it from now on vanishes.
    package func close() { socket.closed() }

    private func serve() {
        for message in socket.dequeue(.max) {
            let datagram = Received(source: message.source, bytes: message.bytes)
            received.append(datagram)
            onReceive?(self, datagram)
        }
    }
}

import KernelTesting
import LinuxIO
import Model

/// The servers that clients of the simulated gateway talk to.
///
/// ## Concurrency
/// One thread: the test's.
final class Origins {
    /// What a port does.
    enum Port {
        static let echo: UInt16 = 7
        static let sink: UInt16 = 9
        static let source: UInt16 = 19
        static let moody: UInt16 = 66
        static let nobody: UInt16 = 81
    }

    private var listeners: [PeerListener] = []
    private var sockets: [PeerDatagrams] = []
    /// What the source sends to everybody.
    let sourceBytes: [UInt8]

    init(_ world: World) throws {
        let peer = world.simulation.peer(World.originHost)
        let source = Payload.bytes(
            world.number(0...(world.chance(0.3) ? 500_000 : 100_000)), seed: world.seed)
        sourceBytes = source
        listeners = [
            try peer.listen(port: Port.echo) { connection in
                connection.onReceive = { connection, bytes in connection.send(bytes) }
                connection.onEnd = { $0.finish() }
            },
            try peer.listen(port: Port.sink) { connection in
                connection.onEnd = { $0.finish() }
            },
            try peer.listen(port: Port.source) { connection in
                connection.send(source)
                connection.finish()
            },
            try peer.listen(port: Port.moody) { [unowned world] connection in
                let patience = world.number(0...5000)
                connection.onReceive = { connection, bytes in
                    if connection.received.count < patience { return }
                    if bytes.count % 2 == 0 { connection.reset() } else { connection.close() }
                }
            },
        ]
        for port in [Port.echo, Port.sink] {
            sockets.append(
                try peer.bindDatagrams(port: port) { socket, datagram in
                    if port == Port.echo { try? socket.send(datagram.bytes, to: datagram.source) }
                })
        }
    }

    /// The connection that came from an end of the gateway's.
    func connection(from endpoint: Endpoint) -> PeerStream? {
        for listener in listeners {
            if let found = listener.connections.first(where: { $0.remote == endpoint }) {
                return found
            }
        }
        return nil
    }

    /// Datagrams that came to a port from a port of the gateway's.
    func datagrams(to destination: Endpoint, fromPort port: UInt16) -> [[UInt8]] {
        sockets.filter { $0.endpoint == destination }.flatMap(\.received)
            .filter { $0.source.port == port }.map(\.bytes)
    }
}

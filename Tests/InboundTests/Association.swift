import Codecs
import KernelTesting
import Model
import Testing

/// A client's UDP association: its control connection and its socket.
final class Association {
    let control: PeerStream
    let socket: PeerDatagrams
    /// Where datagrams go, as the reply told.
    let relay: Endpoint

    init(
        _ bench: InboundBench, from host: String = InboundBench.clientHost,
        request: [UInt8] = SOCKSBytes.request(3, "0.0.0.0", 0)
    ) throws {
        control = try bench.client(from: host)
        let bytes = bench.exchange(control, SOCKSBytes.greeting + request)
        let reply = try #require(SOCKSBytes.reply(Array(bytes.dropFirst(2))))
        try #require(reply.code == .succeeded)
        relay = reply.bound
        socket = try bench.simulation.peer(host).bindDatagrams()
    }

    /// Sends a payload to a destination.
    func send(_ payload: [UInt8], to destination: Endpoint, fragment: UInt8 = 0) {
        try? socket.send(
            SOCKSBytes.datagram(destination, payload, fragment: fragment), to: relay)
    }

    /// Payloads that came, with their headers taken off.
    func payloads(from source: Endpoint) -> [[UInt8]] {
        let header = SOCKSBytes.datagram(source, [])
        return socket.received.map(\.bytes).filter { $0.starts(with: header) }.map {
            Array($0.dropFirst(header.count))
        }
    }
}

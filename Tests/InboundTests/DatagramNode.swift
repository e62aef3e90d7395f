import Codecs
import KernelTesting
import Limiting
import Model
import Routing
import Testing

@testable import Inbound

/// A node that carries datagrams and sends each one back, played on a simulated host: what is asked
/// of it is written down, and it can be told to fail.
final class DatagramNode {
    static let endpoint = Endpoint(IPAddress(v4: 0xc612_0020), 1080)
    private static let relay: UInt16 = 4000

    /// What it does with a command that it does not serve.
    enum Manner {
        /// Reply 7, and the stream's end.
        case refuses
        /// The stream's end.
        case closes
        /// Nothing.
        case isSilent
    }

    /// Commands that it serves.
    var serves: Set<UInt8> = []
    var manner = Manner.refuses
    /// Where names lead; replies to others come from 203.0.113.1.
    var addresses: [String: [IPAddress]] = [:]
    /// Frames after which it resets its stream.
    var framesBeforeReset = Int.max
    /// Whether it answers.
    var answers = true
    /// What it was asked for, in order.
    private(set) var commands: [UInt8] = []
    /// Requests of HTTP clients, in order.
    private(set) var requests: [String] = []
    private(set) var streams: [PeerStream] = []
    /// Datagrams that came, each with the destination that stood in front.
    private(set) var datagrams: [(destination: Destination, payload: [UInt8])] = []
    private var turns: [String: Int] = [:]
    private var sockets: [AnyObject] = []
    private let host: SimulatedPeer

    /// A node of `simulation`.
    init(_ simulation: Simulation, serves: Set<UInt8>) throws {
        self.serves = serves
        host = simulation.peer("198.18.0.32")
        let listener = try host.listen(port: Self.endpoint.port) { [unowned self] in accept($0) }
        let relay = try host.bindDatagrams(port: Self.relay) { [unowned self] in
            take($1.bytes, from: $1.source, on: $0)
        }
        sockets = [listener, relay]
    }

    /// Further sockets on its host, from which strangers' datagrams come.
    func bind() throws -> PeerDatagrams { try host.bindDatagrams() }

    // MARK: Its clients

    private func accept(_ stream: PeerStream) {
        streams.append(stream)
        var (step, held, frames) = (0, [UInt8](), 0)
        stream.onReceive = { [unowned self] stream, bytes in
            held += bytes
            while let count = serve(stream, held, &step, &frames) { held.removeFirst(count) }
        }
    }

    /// Takes one message: its size, or nil where it is not whole.
    private func serve(
        _ stream: PeerStream, _ held: [UInt8], _ step: inout Int, _ frames: inout Int
    ) -> Int? {
        if held.isEmpty { return nil }
        switch step {
        case 0 where held[0] == UInt8(ascii: "C"):
            guard held.suffix(4) == Array("\r\n\r\n".utf8) else { return nil }
            requests.append(String(decoding: held, as: UTF8.self))
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            step = 2
            return held.count
        case 0:
            guard held.count >= 2, held.count >= 2 + Int(held[1]) else { return nil }
            stream.send([5, 0])
            step = 1
            return 2 + Int(held[1])
        case 1:
            guard held.count >= 10 else { return nil }
            commands.append(held[1])
            step = 2
            answer(stream, command: held[1])
            return 10
        default:
            guard
                case .value(let header, let count) = SOCKS5.StreamHeader.decode(held.span.bytes),
                held.count >= count + header.payloadByteCount, let destination = header.destination
            else { return nil }
            let payload = Array(held[count..<count + header.payloadByteCount])
            datagrams.append((destination, payload))
            frames += 1
            if frames > framesBeforeReset {
                stream.reset()
            } else if answers, let source = source(of: destination) {
                stream.send(FramedAssociation.frame(source, payload))
            }
            return count + payload.count
        }
    }

    private func answer(_ stream: PeerStream, command: UInt8) {
        if serves.contains(command) {
            // It does not say its address: it is the one that was connected to.
            return stream.send([5, 0, 0, 1, 0, 0, 0, 0] + SOCKSBytes.big(Self.relay))
        }
        switch manner {
        case .refuses:
            stream.send([5, 7, 0, 1, 0, 0, 0, 0, 0, 0])
            stream.finish()
        case .closes: stream.finish()
        case .isSilent: break
        }
    }

    // MARK: Its relay

    private func take(_ bytes: [UInt8], from client: Endpoint, on socket: PeerDatagrams) {
        guard case .value(let header, let count) = SOCKS5.UDPHeader.decode(bytes.span.bytes)
        else { return }
        let payload = Array(bytes[count...])
        datagrams.append((header.destination, payload))
        guard answers, let source = source(of: header.destination) else { return }
        try? socket.send(SOCKSBytes.datagram(source, payload), to: client)
    }

    /// A name's addresses take turns.
    private func source(of destination: Destination) -> Endpoint? {
        switch destination.host {
        case .address(let address): return Endpoint(address, destination.port)
        case .name(let name):
            let known = addresses[name] ?? [IPAddress(v4: 0xcb00_7101)]
            let turn = turns[name, default: 0]
            turns[name] = turn + 1
            return known.isEmpty ? nil : Endpoint(known[turn % known.count], destination.port)
        }
    }

    // MARK: Its gateway

    /// A gateway whose only way out is it; or it behind another node, which is passed through.
    static func bench(
        _ connector: Connector = Connector(.socks5), handler: HandlerSettings? = nil,
        seed: UInt64 = 1, faults: Faults = .none, before: ChainNode? = nil,
        limits: [any LimitSource] = []
    ) throws -> InboundBench {
        var service = InboundBench.Service()
        service.limits = limits
        if let handler { service.handler = handler }
        let last = ChainNode(
            name: "node", address: Destination(endpoint), connector: connector, member: member)
        let nodes = [before, last].compactMap { $0 }
        service.route.group = ChainGroup(
            [
                ChainGroup.Chain(
                    name: "c", hops: nodes.map { Hop([$0], strategy: .round) }, member: member)
            ], strategy: .round)
        let names = InboundBench.Names()
        service.route.makeResolver = { _ in names }
        return try InboundBench(service, seed: seed, faults: faults)
    }

    static let member = Selector.Member(
        weight: 1, isBackup: false, maxFails: 100, failTimeoutMilliseconds: 10)
}

import KernelTesting
import Model

/// A client over UDP: an association, or the forwarder's. When and what it sends is drawn from the
/// history's seed.
///
/// ## Concurrency
/// One thread: the test's.
final class DatagramClient {
    let socket: PeerDatagrams
    private let control: PeerStream?
    private let host: String
    private var relay: Endpoint?
    private unowned let world: World

    init(_ world: World) throws {
        self.world = world
        host = "203.0.113.\(world.number(1...9))"
        let peer = world.simulation.peer(host)
        socket = try peer.bindDatagrams()
        guard world.chance(0.6) else {
            control = nil
            relay = Endpoint(World.gateway, World.Port.datagrams)
            plan()
            return
        }
        let control = try peer.connect(to: Endpoint(World.gateway, World.Port.open))
        self.control = control
        control.send([5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0])
        control.onReceive = { [unowned self] stream, _ in
            guard relay == nil, stream.received.count == 12, stream.received[3] == 0 else { return }
            let port = UInt16(stream.received[10]) << 8 | UInt16(stream.received[11])
            relay = Endpoint(World.gateway, port)
        }
        plan()
        let end = UInt64(world.number(500...8000)) * 1_000_000
        world.simulation.kernel.plan(afterNanoseconds: end) {
            if end % 3_000_000 == 0 { control.reset() } else { control.close() }
        }
    }

    private func plan() {
        for _ in 0..<world.number(1...8) {
            let moment = UInt64(world.number(0...6000)) * 1_000_000
            let count = world.number(1...20)
            let size = world.chance(0.2) ? world.number(0...60_000) : world.number(0...1200)
            let port = [Origins.Port.echo, Origins.Port.sink, Origins.Port.nobody][
                world.number(0...2)]
            let isTrain = world.chance(0.3)
            world.simulation.kernel.plan(afterNanoseconds: moment) { [self] in
                send(count: count, size: size, port: port, isTrain: isTrain)
            }
        }
    }

    private func send(count: Int, size: Int, port: UInt16, isTrain: Bool) {
        guard let relay else { return }
        let header: [UInt8] =
            control == nil
            ? [] : [0, 0, 0, 1, 203, 0, 113, 70, UInt8(port >> 8), UInt8(port & 0xff)]
        let datagram = header + Payload.bytes(size, seed: UInt64(size))
        if isTrain && !datagram.isEmpty && datagram.count * count < 60_000 {
            let train = Array(repeatElement(datagram, count: count).joined())
            try? socket.send(train, to: relay, segmentBytes: datagram.count)
        } else {
            for _ in 0..<min(count, 5) { try? socket.send(datagram, to: relay) }
        }
    }
}

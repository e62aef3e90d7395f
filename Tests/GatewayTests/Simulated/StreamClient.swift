import KernelTesting
import LinuxIO
import Model

/// A client over TCP with a mind of its own: what it asks for, what it sends and how it behaves are
/// drawn from the history's seed.
///
/// ## Concurrency
/// One thread: the test's.
final class StreamClient {
    /// How it ends.
    enum Temper: CaseIterable {
        /// Ends its direction after the last byte and reads on to the end.
        case patient
        /// Resets at some moment.
        case abrupt
        /// Closes at some moment, with whatever is unread.
        case careless
        /// Reads nothing for a while.
        case stalling
        /// Reads a few bytes at a time.
        case slow
        /// Says nothing more at some point of the conversation, and stays.
        case silent
    }

    let stream: PeerStream
    /// What it sends behind the handshake.
    let payload: [UInt8]
    /// Bytes of the gateway's replies in front of the origin's.
    let replyBytes: Int
    let temper: Temper
    let port: UInt16
    private var steps: [(after: Int, bytes: [UInt8])] = []
    private var isOver = false
    private unowned let world: World

    /// Whether it has nothing more to do.
    var isDone: Bool {
        isOver || stream.error != nil || stream.hasEnded && temper != .patient || stream.hasFinished
    }

    init(_ world: World, user: String? = nil) throws {
        self.world = world
        let services = [World.Port.open, World.Port.closed, World.Port.forward]
        let service = user != nil ? World.Port.closed : services[world.number(0...2)]
        let ports = [
            Origins.Port.echo, Origins.Port.sink, Origins.Port.source, Origins.Port.moody,
            Origins.Port.nobody,
        ]
        let target = service == World.Port.forward ? Origins.Port.echo : ports[world.number(0...4)]
        port = user != nil ? Origins.Port.echo : target
        temper = user != nil ? .patient : Temper.allCases[world.number(0...5)]
        let most = world.chance(0.15) ? 500_000 : 120_000
        let size = world.chance(0.3) ? world.number(0...400) : world.number(0...most)
        payload = Payload.bytes(size, seed: UInt64(world.number(0...1_000_000)))
        var replies = 0
        if service != World.Port.forward {
            let isClosed = service == World.Port.closed
            let password = user == nil && world.chance(0.2) ? "wrong" : "correct"
            steps.append((0, isClosed ? [5, 2, 2, 0x80] : [5, 1, 0]))
            replies = 2
            if isClosed {
                steps.append((replies, [1, 5] + Array("alice".utf8) + [7] + Array(password.utf8)))
                replies += 2
            }
            steps.append((replies, Self.request(port, byName: world.chance(0.5))))
            replies += 10
        }
        replyBytes = replies
        // Some send everything at once, without waiting for a word.
        if world.chance(0.4) { steps = steps.map { (0, $0.bytes) } }
        steps.append((world.chance(0.5) ? 0 : replies, payload))
        if temper == .silent { steps.removeLast(world.number(0...steps.count)) }
        stream = try world.simulation.peer("203.0.113.\(world.number(1...9))").connect(
            to: Endpoint(World.gateway, service))
        stream.onReceive = { [unowned self] _, _ in proceed() }
        act()
        proceed()
    }

    private static func request(_ port: UInt16, byName: Bool) -> [UInt8] {
        let name = Array("origin.test".utf8)
        let host: [UInt8] = byName ? [3, UInt8(name.count)] + name : [1, 203, 0, 113, 70]
        return [5, 1, 0] + host + [UInt8(port >> 8), UInt8(port & 0xff)]
    }

    private func proceed() {
        guard !isOver, stream.error == nil else { return }
        while let step = steps.first, stream.received.count >= step.after {
            steps.removeFirst()
            stream.send(step.bytes)
        }
        if steps.isEmpty && temper != .silent && !hasEnded {
            hasEnded = true
            stream.finish()
        }
    }

    private var hasEnded = false

    private func act() {
        let moment = UInt64(world.number(0...2_500_000)) * 1000
        switch temper {
        case .patient, .silent:
            break
        case .abrupt:
            world.simulation.kernel.plan(afterNanoseconds: moment) { [self] in
                isOver = true
                stream.reset()
            }
        case .careless:
            world.simulation.kernel.plan(afterNanoseconds: moment) { [self] in
                isOver = true
                stream.close()
            }
        case .stalling:
            let length = UInt64(world.number(1...9000)) * 1_000_000
            world.simulation.kernel.plan(afterNanoseconds: moment) { [self] in
                stream.isPaused = true
                world.simulation.kernel.plan(afterNanoseconds: length) { [self] in
                    stream.isPaused = false
                }
            }
        case .slow:
            stream.pace = (world.number(100...20_000), UInt64(world.number(1...20)) * 1_000_000)
        }
    }
}

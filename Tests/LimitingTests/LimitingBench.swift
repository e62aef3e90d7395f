import KernelTesting
import Limiting
import Loop
import Model

/// Moves bytes as fast as its limits allow, in bites.
///
/// ## Concurrency
/// One thread: the test's.
final class Greedy: LimitedFlow, Resumable {
    let limits: FlowLimits
    let direction: Direction
    private let loop: EventLoop
    private let biteBytes: Int
    private(set) var movedBytes = 0
    private(set) var hasEnded = false
    private var isStopped = false

    init(_ limits: FlowLimits, on loop: EventLoop, _ direction: Direction, biteBytes: Int) {
        self.limits = limits
        self.loop = loop
        self.direction = direction
        self.biteBytes = biteBytes
        limits.flow = self
    }

    func resume() { move() }
    func allowanceCame() { move() }
    func allowanceEnded() {
        hasEnded = true
        stop()
    }

    func stop() {
        isStopped = true
        limits.close()
    }

    func move() {
        if isStopped { return }
        var bites = 0
        while bites < 8 {
            let count = min(biteBytes, limits.allowed(direction))
            if count == 0 { break }
            movedBytes += count
            limits.spend(direction, count)
            bites += 1
        }
        if bites == 8 {
            limits.rest(direction)
            return loop.resumeLater(self)
        }
        switch limits.wait(direction) {
        case .waits: break
        case .ready: loop.resumeLater(self)
        case .exhausted: allowanceEnded()
        }
    }
}

/// Loops with flows that move as fast as they may.
///
/// ## Concurrency
/// One thread: the test's.
final class LimitingBench {
    let simulation: Simulation
    var shapers: [Shaper] = []
    var flows: [[Greedy]] = []

    init(loops: Int) {
        simulation = Simulation(seed: 1, loops: loops)
        shapers = simulation.loops.map { Shaper(loop: $0) }
        flows = shapers.map { _ in [] }
    }

    @discardableResult
    func add(
        _ sources: [any LimitSource], loop index: Int = 0, user: String = "alice",
        biteBytes: Int = 1 << 20
    ) -> Greedy {
        let subject = LimitedSubject(address: IPAddress(v4: 0x0a00_0001), user: user)
        var made: Greedy?
        simulation.onLoop(index) { loop in
            let greedy = Greedy(
                FlowLimits(shapers[index], sources, subject), on: loop, .uplink,
                biteBytes: biteBytes)
            flows[index].append(greedy)
            greedy.move()
            made = greedy
        }
        guard let made else { preconditionFailure("the loop took no turn") }
        return made
    }

    func stopAll() {
        for index in shapers.indices {
            simulation.onLoop(index) { _ in for flow in flows[index] { flow.stop() } }
        }
    }

    var moved: Int { flows.joined().reduce(0) { $0 + $1.movedBytes } }
}

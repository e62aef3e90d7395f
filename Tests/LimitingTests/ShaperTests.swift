import KernelTesting
import Limiting
import Loop
import Model
import Testing

/// Moves bytes as fast as its limits allow, in bites.
///
/// ## Concurrency
/// One thread: the test's.
private final class Greedy: LimitedFlow, Resumable {
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

@Suite("Flows that share a limit", .timeLimit(.minutes(2)))
struct ShaperTests {
    /// Loops with flows that move as fast as they may.
    private final class Bench {
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

    private func source(_ key: LimitKey, _ rate: Int, burst: Int? = nil) -> any LimitSource {
        LimiterUse(
            TrafficLimiter([
                (
                    key,
                    TrafficRates(
                        uplink: ByteRate(bytesPerSecond: rate, burstBytes: burst), downlink: nil)
                )
            ]))
    }

    @Test(arguments: [1, 100, 50_000, 1_000_000, 100_000_000])
    func `one flow moves its rate in every second, and the burst once`(_ rate: Int) {
        let bench = Bench(loops: 1)
        bench.add([source(.everything, rate)])
        let burst = max(1, rate / 20)
        for second in 1...5 {
            bench.simulation.run(milliseconds: 1000)
            let moved = bench.moved
            #expect(moved <= second * rate + burst, "second \(second)")
            // Bytes that come after the last grant are still in the bucket.
            #expect(moved >= second * rate - burst, "second \(second)")
        }
    }

    @Test(arguments: [2, 3, 8])
    func `flows share evenly, whatever they ask for at once`(_ count: Int) {
        let bench = Bench(loops: 1)
        let source = source(.everything, 1_000_000)
        for number in 0..<count { bench.add([source], biteBytes: 1000 << number) }
        bench.simulation.run(milliseconds: 10_000)
        let fair = bench.moved / count
        for flow in bench.flows[0] {
            #expect(flow.movedBytes > fair * 8 / 10)
            #expect(flow.movedBytes < fair * 12 / 10)
        }
        #expect(bench.moved <= 10_050_000)
        #expect(bench.moved > 9_900_000)
    }

    @Test func `a thousand flows of a small limit all move on`() {
        let bench = Bench(loops: 1)
        let source = source(.everything, 1_000_000)
        for _ in 0..<1000 { bench.add([source]) }
        bench.simulation.run(milliseconds: 20_000)
        #expect(bench.flows[0].allSatisfy { $0.movedBytes > 10_000 })
        #expect(bench.moved <= 20_050_000)
        #expect(bench.moved > 19_800_000)
    }

    @Test(arguments: [2, 4])
    func `loops share one bucket and lose nothing to each other`(_ loops: Int) {
        let bench = Bench(loops: loops)
        let source = source(.everything, 2_000_000)
        for loop in 0..<loops { for _ in 0..<3 { bench.add([source], loop: loop) } }
        bench.simulation.run(milliseconds: 10_000)
        #expect(bench.moved <= 20_100_000)
        #expect(bench.moved > 19_500_000)
        for flows in bench.flows {
            let part = flows.reduce(0) { $0 + $1.movedBytes }
            #expect(part > 20_000_000 / loops / 2)
        }
    }

    @Test func `what a loop does not use goes back to the others`() {
        let bench = Bench(loops: 2)
        let source = source(.everything, 1_000_000)
        let quiet = bench.add([source], loop: 0)
        bench.simulation.run(milliseconds: 1000)
        bench.simulation.onLoop(0) { _ in quiet.stop() }
        let before = bench.moved
        bench.add([source], loop: 1)
        bench.simulation.run(milliseconds: 5000)
        #expect(bench.moved - before > 4_950_000)
        #expect(bench.moved - before <= 5_050_000)
    }

    @Test func `of several limits the least counts, and none starves the others`() {
        let bench = Bench(loops: 1)
        let (all, each) = (source(.everything, 1_000_000), source(.eachUser, 200_000))
        bench.add([all, each], user: "alice")
        bench.add([all, each], user: "alice")
        bench.add([all, each], user: "bob")
        bench.add([all], user: "carol")
        bench.simulation.run(milliseconds: 10_000)
        let moved = bench.flows[0].map(\.movedBytes)
        #expect(moved[0] + moved[1] <= 2_010_000)
        #expect(moved[0] + moved[1] > 1_800_000)
        #expect(moved[2] <= 2_010_000)
        #expect(moved[2] > 1_800_000)
        #expect(moved[3] > 5_500_000)
        #expect(bench.moved <= 10_050_000)
    }

    @Test func `two limits that are both crowded starve nobody`() {
        let bench = Bench(loops: 1)
        let (one, other) = (source(.everything, 300_000), source(.everything, 300_000))
        for _ in 0..<5 {
            bench.add([one])
            bench.add([other])
            bench.add([one, other])
        }
        bench.simulation.run(milliseconds: 20_000)
        #expect(bench.flows[0].allSatisfy { $0.movedBytes > 100_000 })
    }

    @Test func `a flow that ends while it waits leaves its share to others`() {
        let bench = Bench(loops: 1)
        let source = source(.everything, 1_000_000)
        let flows = (0..<10).map { _ in bench.add([source]) }
        bench.simulation.run(milliseconds: 1000)
        bench.simulation.onLoop { _ in for flow in flows[1...] { flow.stop() } }
        let before = flows[0].movedBytes
        bench.simulation.run(milliseconds: 2000)
        #expect(flows[0].movedBytes - before > 1_950_000)
    }

    @Test func `a change of the rate is felt by flows that run and that wait`() {
        let limiter = TrafficLimiter([
            (
                .everything,
                TrafficRates(uplink: ByteRate(bytesPerSecond: 10_000), downlink: nil)
            )
        ])
        let bench = Bench(loops: 1)
        let flow = bench.add([LimiterUse(limiter)])
        bench.simulation.run(milliseconds: 2000)
        #expect(flow.movedBytes <= 20_500)
        bench.simulation.onLoop { loop in
            limiter.replace(
                [
                    (
                        .everything,
                        TrafficRates(uplink: ByteRate(bytesPerSecond: 1_000_000), downlink: nil)
                    )
                ], nowNanoseconds: loop.nowNanoseconds)
            bench.shapers[0].rebind()
        }
        let before = flow.movedBytes
        bench.simulation.run(milliseconds: 2000)
        #expect(flow.movedBytes - before > 1_900_000)
        #expect(flow.movedBytes - before <= 2_050_000)
    }

    @Test func `when all flows have ended nothing is left and nothing ticks`() {
        let bench = Bench(loops: 2)
        let sources = [source(.everything, 1000), source(.eachUser, 2000)]
        for loop in 0..<2 { for _ in 0..<5 { bench.add(sources, loop: loop) } }
        bench.simulation.run(milliseconds: 500)
        bench.stopAll()
        #expect(bench.shapers.allSatisfy { $0.flowCount == 0 && $0.allowanceCount == 0 })
        bench.simulation.run(milliseconds: 1000)
        #expect(bench.simulation.nextNanoseconds == nil)
    }

    @Test func `a datagram larger than what is there passes once and is paid back`() {
        let bench = Bench(loops: 1)
        let source = source(.everything, 10_000, burst: 500)
        let subject = LimitedSubject(address: IPAddress(v4: 1), user: nil)
        var limits: FlowLimits?
        var passed = 0
        bench.simulation.onLoop { _ in
            limits = FlowLimits(bench.shapers[0], [source], subject)
        }
        for _ in 0..<1000 {
            bench.simulation.onLoop { _ in
                if limits?.admits(.uplink, 1200) == true { passed += 1200 }
            }
            bench.simulation.run(milliseconds: 10)
        }
        #expect(passed <= 100_000 + 500 + 1200)
        #expect(passed > 95_000)
        bench.simulation.onLoop { _ in limits?.close() }
    }
}

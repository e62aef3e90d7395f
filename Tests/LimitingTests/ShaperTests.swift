import KernelTesting
import Limiting
import Loop
import Model
import Testing

@Suite("Flows that share a limit", .timeLimit(.minutes(2)))
struct ShaperTests {
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
        let bench = LimitingBench(loops: 1)
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
        let bench = LimitingBench(loops: 1)
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
        let bench = LimitingBench(loops: 1)
        let source = source(.everything, 1_000_000)
        for _ in 0..<1000 { bench.add([source]) }
        bench.simulation.run(milliseconds: 20_000)
        #expect(bench.flows[0].allSatisfy { $0.movedBytes > 10_000 })
        #expect(bench.moved <= 20_050_000)
        #expect(bench.moved > 19_800_000)
    }

    @Test(arguments: [2, 4])
    func `loops share one bucket and lose nothing to each other`(_ loops: Int) {
        let bench = LimitingBench(loops: loops)
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
        let bench = LimitingBench(loops: 2)
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
        let bench = LimitingBench(loops: 1)
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
        let bench = LimitingBench(loops: 1)
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
        let bench = LimitingBench(loops: 1)
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
        let bench = LimitingBench(loops: 1)
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
        let bench = LimitingBench(loops: 2)
        let sources = [source(.everything, 1000), source(.eachUser, 2000)]
        for loop in 0..<2 { for _ in 0..<5 { bench.add(sources, loop: loop) } }
        bench.simulation.run(milliseconds: 500)
        bench.stopAll()
        #expect(bench.shapers.allSatisfy { $0.flowCount == 0 && $0.allowanceCount == 0 })
        bench.simulation.run(milliseconds: 1000)
        #expect(bench.simulation.nextNanoseconds == nil)
    }

    @Test func `a datagram larger than what is there passes once and is paid back`() {
        let bench = LimitingBench(loops: 1)
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

    @Test func `a written burst is spent once, and then the rate flows without standing still`() {
        let bench = LimitingBench(loops: 1)
        let limit = source(.everything, 1_000_000, burst: 20_000_000)
        let flow = bench.add([limit])
        bench.simulation.run(milliseconds: 10)
        #expect(flow.movedBytes >= 20_000_000)
        for _ in 0..<20 {
            let before = flow.movedBytes
            bench.simulation.run(milliseconds: 100)
            #expect((50_000...150_000).contains(flow.movedBytes - before))
        }
        #expect(flow.movedBytes <= 20_000_000 + 2_010_000)
        bench.stopAll()
    }

    @Test func `datagrams in a flood leave waiting flows their share`() {
        let bench = LimitingBench(loops: 1)
        let limit = source(.everything, 1_000_000)
        let flow = bench.add([limit])
        let subject = LimitedSubject(address: IPAddress(v4: 0x0a00_0002), user: "bob")
        var admitted = 0
        var flood: FlowLimits?
        bench.simulation.onLoop(0) { _ in
            flood = FlowLimits(bench.shapers[0], [limit], subject)
        }
        for _ in 0..<2000 {
            bench.simulation.run(milliseconds: 1)
            bench.simulation.onLoop(0) { _ in
                for _ in 0..<10 where flood?.admits(.uplink, 1000) == true { admitted += 1000 }
            }
        }
        // Two seconds of a megabyte each, half of it for either, give or take.
        #expect(flow.movedBytes > 600_000, "the stream starves: \(flow.movedBytes)")
        #expect(admitted > 300_000, "datagrams starve: \(admitted)")
        #expect(flow.movedBytes + admitted <= 2_060_000)
        bench.simulation.onLoop(0) { _ in flood?.close() }
        bench.stopAll()
    }
}

import Chance
import KernelTesting
import Loop
import Model
import PluginKit
import Testing

@testable import Metering

/// A feed between a home loop and a worker loop.
///
/// ## Concurrency
/// One thread: the test's.
private final class Bench {
    let simulation = Simulation(seed: 9, loops: 2)
    let witness: Witness
    let log = Witnesses()
    let service = Flows.service()
    private let takings = Takings()
    let feed: PluginFeed

    final class Takings {
        var slots: [SlotReference] = []
        var rulings: [FlowRuling] = []
    }

    init() {
        let (home, worker) = (simulation.loops[0], simulation.loops[1])
        witness = Witness(on: worker)
        let (log, takings) = (log, takings)
        feed = PluginFeed(
            guid: "meter", observer: witness, home: home, worker: worker,
            log: { level, line in log.write("\(level.name): \(line)") },
            onTaken: { takings.slots += $0 }, onRulings: { takings.rulings += $0 })
    }

    var taken: [UInt32] { takings.slots.map(\.index) }
    var rulings: [FlowRuling] { takings.rulings }

    func on(_ body: (PluginFeed) -> Void) { simulation.onLoop { _ in body(feed) } }

    func opened(_ number: UInt64) -> FlowEvent { .opened(Flows.info(number, service)) }

    func counted(_ number: UInt64, _ bytes: UInt64, at moment: Int64 = 0) -> FlowEvent {
        var counts = FlowCounts()
        counts.uplinkBytes = bytes
        return .counted(Flows.info(number, service), counts, atMilliseconds: moment)
    }

    func closed(_ number: UInt64, _ bytes: UInt64 = 0) -> FlowEvent {
        var counts = FlowCounts()
        counts.uplinkBytes = bytes
        return .closed(Flows.info(number, service), counts, Flows.finished, atMilliseconds: 9)
    }

    static func slot(_ index: UInt32) -> SlotReference { SlotReference(loop: 0, index: index) }
}

@Suite("The queue in front of one observer", .timeLimit(.minutes(2)))
struct PluginFeedTests {
    @Test func `events come in their order, in batches numbered from 1`() {
        let bench = Bench()
        bench.on { feed in
            feed.add(bench.opened(1))
            feed.add(bench.counted(1, 5))
            feed.deliver()
        }
        bench.on { feed in
            feed.add(bench.closed(1, 6), slot: Bench.slot(4))
            feed.deliver()
        }
        #expect(bench.witness.lines == ["opened 1", "counted 1: 5", "closed 1: 6 finished"])
        #expect(bench.witness.taken.map(\.sequence) == [1, 2])
        #expect(bench.taken == [4])
    }

    @Test func `one batch at a time, and none is larger than the bound`() {
        let bench = Bench()
        bench.witness.rest(milliseconds: 100)
        bench.on { feed in
            for number in 0..<UInt64(Limits.eventsPerBatch * 2 + 5) {
                feed.add(bench.opened(number))
            }
            feed.deliver()
            feed.deliver()
        }
        #expect(bench.witness.offered.count == 1)
        #expect(bench.feed.waitingCount == Limits.eventsPerBatch + 5)
        bench.simulation.run(milliseconds: 1000)
        let size = Limits.eventsPerBatch
        #expect(bench.witness.taken.map(\.events.count) == [size, size, 5])
        #expect(bench.witness.events.map(\.flow.id.low) == Array(0..<UInt64(size * 2 + 5)))
    }

    @Test func `a batch that fails is repeated with its number until it is taken`() {
        let bench = Bench()
        bench.witness.fail(3)
        bench.on { feed in
            feed.add(bench.closed(1), slot: Bench.slot(7))
            feed.deliver()
        }
        bench.on { $0.add(bench.closed(2), slot: Bench.slot(8)) }
        bench.on { $0.deliver() }
        #expect(bench.witness.offered.count == 1, "it is not repeated at once")
        #expect(bench.taken.isEmpty)
        bench.simulation.run(milliseconds: 10_000)
        #expect(bench.witness.offered.map(\.sequence) == [1, 1, 1, 1, 2])
        #expect(
            bench.witness.offered.map { $0.events.map(\.flow.id.low) }[0...3] == [
                [1], [1], [1], [1],
            ])
        #expect(bench.taken == [7, 8])
        #expect(bench.log.lines.count == 2)
        #expect(bench.log.lines.first?.hasPrefix("error: plugin 'meter' failed") == true)
        #expect(bench.log.lines.last == "info: plugin 'meter' works again")
    }

    @Test func `of one flow's counts that wait only the latest of each bucket is kept`() {
        let bench = Bench()
        let bucket = Int64(Limits.usageBucketMilliseconds)
        bench.witness.rest(milliseconds: 1000)
        bench.on { feed in
            feed.add(bench.opened(1))
            feed.add(bench.counted(1, 1, at: 10))
            feed.deliver()
            for bytes in 2...9 as ClosedRange<UInt64> {
                feed.add(bench.counted(1, bytes, at: Int64(bytes)))
            }
            feed.add(bench.counted(2, 50, at: bucket - 1))
            feed.add(bench.counted(1, 20, at: bucket))
            feed.add(bench.counted(1, 21, at: bucket + 1))
            feed.add(bench.counted(2, 60, at: bucket - 1))
        }
        #expect(bench.feed.waitingCount == 3)
        bench.simulation.run(milliseconds: 5000)
        #expect(
            bench.witness.lines == [
                "opened 1", "counted 1: 1", "counted 1: 9", "counted 2: 60", "counted 1: 21",
            ])
    }

    @Test func `whoever waits for idleness is called when all is taken, once`() {
        let bench = Bench()
        let diary = Witnesses()
        bench.on { $0.whenIdle { diary.write("idle already") } }
        bench.witness.fail(2)
        bench.witness.rest(milliseconds: 50)
        bench.on { feed in
            feed.add(bench.opened(1))
            feed.deliver()
            feed.add(bench.closed(1))
            feed.whenIdle { diary.write("idle") }
        }
        #expect(diary.lines == ["idle already"])
        bench.simulation.run(milliseconds: 5000)
        #expect(diary.lines == ["idle already", "idle"])
        #expect(bench.witness.events.count == 2)
    }

    @Test func `a batch that rests after failures is tried at once when somebody waits`() {
        let bench = Bench()
        bench.witness.fail(7)
        bench.on { feed in
            feed.add(bench.closed(1), slot: Bench.slot(7))
            feed.deliver()
        }
        _ = bench.simulation.run { bench.witness.offered.count == 7 }
        #expect(bench.taken.isEmpty)
        let diary = Witnesses()
        bench.on { $0.whenIdle { diary.write("idle") } }
        bench.simulation.run(milliseconds: 10)
        #expect(diary.lines == ["idle"])
        #expect(bench.taken == [7])
        bench.simulation.run(milliseconds: 60_000)
        #expect(bench.witness.offered.count == 8, "and not again")
    }

    @Test func `rulings come back`() {
        let bench = Bench()
        bench.witness.rule { $0.flow.id.low == 2 ? .deny("no credit") : .allow }
        bench.on { feed in
            for number in 1...3 as ClosedRange<UInt64> { feed.add(bench.opened(number)) }
            feed.deliver()
        }
        #expect(bench.rulings.count == 3)
        #expect(bench.rulings.filter { $0.verdict.refusal != nil }.map(\.flow.low) == [2])
    }

    @Test func `an observer that stays behind loses whole flows, counted and said`() {
        let bench = Bench()
        bench.witness.rest(milliseconds: 1000)
        let some = bench.opened(1)
        bench.on { feed in
            feed.add(bench.opened(0))
            feed.deliver()
            for _ in 0..<Limits.endedFlowsPerPlugin { feed.add(some) }
            feed.add(bench.opened(77))
            feed.add(bench.counted(77, 5))
            feed.add(bench.closed(77, 5), slot: Bench.slot(77))
        }
        #expect(bench.feed.waitingCount == Limits.endedFlowsPerPlugin)
        #expect(bench.feed.deferredFlows == 1)
        #expect(bench.taken.isEmpty, "the slot stays for the next start")
        #expect(bench.log.lines.count == 1)
        // A flow that it heard open is heard to the end, however full the queue is.
        bench.on { $0.add(bench.closed(0, 3), slot: Bench.slot(0)) }
        bench.simulation.run(milliseconds: 100_000)
        #expect(bench.feed.waitingCount == 0)
        #expect(bench.witness.lines.last == "closed 0: 3 finished")
        #expect(!bench.witness.lines.contains { $0.hasSuffix(" 77") || $0.contains(" 77:") })
        bench.on { feed in
            feed.add(bench.opened(78))
            feed.add(bench.closed(78, 1))
            feed.deliver()
        }
        bench.simulation.run(milliseconds: 2000)
        #expect(bench.witness.lines.suffix(2) == ["opened 78", "closed 78: 1 finished"])
        #expect(bench.feed.deferredFlows == 1)
    }

    @Test func `in an overfull queue a flow's counts take one place, however long it takes`() {
        let bench = Bench()
        bench.witness.fail(.max)
        let some = bench.opened(1)
        bench.on { feed in
            feed.add(bench.opened(0))
            feed.deliver()
            for _ in 0..<Limits.endedFlowsPerPlugin { feed.add(some) }
            for hour in 0..<1000 as Range<Int64> {
                feed.add(bench.counted(0, UInt64(hour), at: hour * 3_600_000))
            }
        }
        #expect(bench.feed.waitingCount == Limits.endedFlowsPerPlugin + 1)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `over a random history a slow and failing observer gets every flow's totals`(
        _ seed: UInt64
    ) {
        let bench = Bench()
        var random = SplitMix64(seed: seed)
        var totals: [UInt64: UInt64] = [:]
        var open: [UInt64] = []
        var next: UInt64 = 0
        bench.witness.rest(milliseconds: UInt64.random(in: 0...40, using: &random))
        for step in 0..<300 {
            bench.on { feed in
                for _ in 0..<Int.random(in: 1...200, using: &random) {
                    let choice = Int.random(in: 0..<10, using: &random)
                    if choice < 3 || open.isEmpty {
                        feed.add(bench.opened(next))
                        totals[next] = 0
                        open.append(next)
                        next += 1
                    } else if choice < 5 {
                        let number = open.remove(at: Int.random(in: 0..<open.count, using: &random))
                        feed.add(
                            bench.closed(number, totals[number] ?? 0),
                            slot: Bench.slot(UInt32(number)))
                    } else if let number = open.randomElement(using: &random) {
                        totals[number, default: 0] += 10
                        feed.add(
                            bench.counted(number, totals[number] ?? 0, at: Int64(step) * 100_000))
                    }
                }
                feed.deliver()
            }
            if random.happens(0.1) { bench.witness.fail(Int.random(in: 0...3, using: &random)) }
            bench.simulation.run(milliseconds: 20)
        }
        bench.on { feed in
            for number in open { feed.add(bench.closed(number, totals[number] ?? 0)) }
        }
        bench.on { $0.deliver() }
        bench.simulation.run(milliseconds: 600_000)
        let seen = checkedTotals(of: bench.witness.events) { Issue.record("seed \(seed): \($0)") }
        #expect(seen == totals)
        #expect(bench.witness.taken.map(\.sequence) == Array(1...UInt64(bench.witness.taken.count)))
    }
}

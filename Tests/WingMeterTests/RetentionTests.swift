import Model
import PluginKit
import Storage
import Testing

@testable import WingMeter

@Suite("What is older than it is kept for")
struct RetentionTests {
    private let bench = Workbench()
    private let folder: Folder
    private let day: Int64 = 86_400_000
    private var database: String { folder.file("usage.db") }

    init() throws { folder = try Folder() }

    private func closed(_ number: UInt64, boot: UInt64 = 1, at moment: Int64) -> FlowEvent {
        .closed(
            flow(number, boot: boot, opened: moment), FlowCounts(up: 1, down: 0), .finished,
            atMilliseconds: moment)
    }

    private func observe(_ meter: WingMeter, _ events: [FlowEvent]) async throws {
        _ = try await meter.observe(FlowBatch(sequence: 1, events: events))
    }

    @Test("is forgotten: flows first, usage later, what is younger stays")
    func forgets() async throws {
        let meter = bench.meter(["retention": "10d", "flowRetention": "2d"], in: folder.path)
        try await meter.start()
        for age in [12, 9, 3, 1] as [Int64] {
            try await observe(meter, [closed(UInt64(age), at: bench.now - age * day)])
        }
        #expect(try Ledger(path: database).flows.count == 4)
        bench.now += 61_000
        try await observe(meter, [])
        let ledger = try Ledger(path: database)
        #expect(ledger.flows.count == 1)
        #expect(ledger.total.flows == 3)
        await meter.close()
    }

    @Test("is forgotten in parts, none of which takes long")
    func parts() async throws {
        let meter = bench.meter(["flowRetention": "1d"], in: folder.path)
        try await meter.start()
        let old = bench.now - 2 * day
        for part in 0..<3 as Range<UInt64> {
            try await observe(meter, (0..<1500).map { closed(part * 1500 + $0, at: old) })
        }
        bench.now += 61_000
        for left in [2500, 500, 0, 0] {
            try await observe(meter, [])
            #expect(try Ledger(path: database).flows.count == left)
        }
        await meter.close()
    }

    @Test("is not counted again when a flow whose tombstone is gone is recovered")
    func recovered() async throws {
        let first = bench.meter(["flowRetention": "1d"], in: folder.path)
        try await first.start()
        let old = bench.now - 2 * day
        try await observe(first, [closed(1, at: old)])
        bench.now += 61_000
        try await observe(first, [])
        #expect(try Ledger(path: database).flows.isEmpty)
        await first.close()
        let second = bench.meter(["flowRetention": "1d"], in: folder.path, boot: 2)
        try await second.start()
        let young = flow(2, opened: bench.now)
        try await observe(
            second,
            [
                .recovered(
                    flow(1, opened: old), FlowCounts(up: 1, down: 0), .crash, atMilliseconds: old),
                .recovered(young, FlowCounts(up: 5, down: 0), .crash, atMilliseconds: bench.now),
            ])
        let ledger = try Ledger(path: database)
        #expect(ledger.total.counts == FlowCounts(up: 6, down: 0))
        #expect(ledger.total.flows == 2)
        await second.close()
    }

    @Test("stays while its flow is open")
    func open() async throws {
        let meter = bench.meter(["flowRetention": "1d"], in: folder.path)
        try await meter.start()
        let old = flow(1, opened: bench.now - 5 * day)
        try await observe(
            meter,
            [
                .opened(old),
                .counted(
                    old, FlowCounts(up: 7, down: 0), atMilliseconds: bench.now - 4 * day),
            ])
        bench.now += 61_000
        try await observe(meter, [])
        try await observe(
            meter,
            [.closed(old, FlowCounts(up: 9, down: 0), .finished, atMilliseconds: bench.now)])
        #expect(try Ledger(path: database).total.counts == FlowCounts(up: 9, down: 0))
        await meter.close()
    }
}

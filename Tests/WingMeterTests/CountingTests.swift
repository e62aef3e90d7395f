import Model
import PluginKit
import Storage
import Testing

@testable import WingMeter

@Suite("The meter's counts")
struct CountingTests {
    private let bench = Workbench()
    private let folder: Folder
    private var database: String { folder.file("usage.db") }

    init() throws { folder = try Folder() }

    private func started(_ options: Option = [:], boot: UInt64 = 1) async throws -> WingMeter {
        let meter = bench.meter(options, in: folder.path, boot: boot)
        try await meter.start()
        return meter
    }

    @Test("belong to the quarter of an hour in which they were read")
    func buckets() async throws {
        let meter = try await started()
        let flow = flow(1)
        let (t, q) = (Workbench.morning, UsageBucket.milliseconds)
        _ = try await meter.observe(
            FlowBatch(
                sequence: 1,
                events: [
                    .opened(flow),
                    .counted(flow, FlowCounts(up: 10, down: 1), atMilliseconds: t + q - 1),
                    .counted(flow, FlowCounts(up: 25, down: 1), atMilliseconds: t + q),
                    .closed(
                        flow, FlowCounts(up: 25, down: 8), .finished, atMilliseconds: t + 3 * q),
                ]))
        await meter.close()
        let ledger = try Ledger(path: database)
        let first = UsageBucket.of(t)
        let byBucket = Dictionary(
            uniqueKeysWithValues: ledger.usage.map { ($0.key.bucket - first, $0.value) })
        #expect(
            byBucket == [
                0: Ledger.Sum(flows: 1, counts: FlowCounts(up: 10, down: 1)),
                1: Ledger.Sum(flows: 0, counts: FlowCounts(up: 15, down: 0)),
                3: Ledger.Sum(flows: 0, counts: FlowCounts(up: 0, down: 7)),
            ])
    }

    @Test("equal a plain sum over any history, batches repeated at will", arguments: 1...12)
    func history(_ seed: UInt64) async throws {
        var history = History(seed: seed)
        var model: [Ledger.Line: Ledger.Sum] = [:]
        var last: [FlowID: FlowCounts] = [:]
        let meter = try await started()
        for sequence in 1...40 {
            let events = history.nextEvents(opening: 6)
            for event in events { history.add(event, to: &model, last: &last) }
            let batch = FlowBatch(sequence: UInt64(sequence), events: events)
            for _ in 0...Int.random(in: 0...2, using: &history.random) {
                _ = try await meter.observe(batch)
            }
        }
        #expect(meter.openMeters == history.openFlows)
        await meter.close()
        let ledger = try Ledger(path: database)
        #expect(ledger.usage == model)
        #expect(ledger.total == ledger.totalOfFlows)
        #expect(ledger.flows.count == last.count)
        for (id, counts) in last { #expect(ledger.flows[id.bytes]?.counts == counts) }
    }

    @Test("are summed as '(other)' over the bound of destinations, also after a restart")
    func destinations() async throws {
        for boot in 1...2 as ClosedRange<UInt64> {
            let meter = try await started(["destinations": "3"], boot: boot)
            let events = (0..<5).map { number in
                FlowEvent.closed(
                    flow(boot * 100 + number, boot: boot, host: "host\(number)"),
                    FlowCounts(up: 1, down: 2), .finished, atMilliseconds: Workbench.morning)
            }
            _ = try await meter.observe(FlowBatch(sequence: 1, events: events))
            await meter.close()
        }
        let usage = try Ledger(path: database).usage
        #expect(
            usage.map { "\($0.key.destination) \($0.value.flows)" }.sorted() == [
                "(other) 4", "host0:443 2", "host1:443 2", "host2:443 2",
            ])
    }

    @Test("are not stored when they are impossible, and that is said")
    func impossible() async throws {
        let meter = try await started()
        let events: [FlowEvent] = [
            .recovered(
                flow(1), FlowCounts(up: .max, down: 0), .crash, atMilliseconds: Workbench.morning),
            .closed(
                flow(2), FlowCounts(up: 5, down: 0), .finished, atMilliseconds: Workbench.morning),
        ]
        _ = try await meter.observe(FlowBatch(sequence: 1, events: events))
        #expect(bench.log.contains { $0.hasPrefix("error: flow 0000000000000001") })
        #expect(try Ledger(path: database).total.counts == FlowCounts(up: 5, down: 0))
        await meter.close()
    }

    @Test("of an ended flow take nothing more, whatever comes for it")
    func tombstone() async throws {
        let counts = FlowCounts(up: 100, down: 200)
        let first = try await started()
        let flow = flow(1)
        _ = try await first.observe(
            FlowBatch(
                sequence: 1,
                events: [
                    .opened(flow),
                    .closed(flow, counts, .finished, atMilliseconds: Workbench.morning),
                ]))
        await first.close()
        let second = try await started(boot: 2)
        let more = FlowCounts(up: 101, down: 200)
        for event in [
            FlowEvent.recovered(flow, more, .crash, atMilliseconds: Workbench.morning + 1),
            .counted(flow, more, atMilliseconds: Workbench.morning + 1),
            .closed(flow, more, .finished, atMilliseconds: Workbench.morning + 1),
        ] {
            _ = try await second.observe(FlowBatch(sequence: 1, events: [event]))
        }
        #expect(try Ledger(path: database).total == Ledger.Sum(flows: 1, counts: counts))
        await second.close()
    }

    @Test("go on from a database of the version before")
    func migration() async throws {
        let early = Schema(
            name: WingMeter.schema.name, migrations: [WingMeter.schema.migrations[0]])
        do {
            let old = try Database(path: database)
            try old.migrate(early)
            let flow = flow(1)
            for statement in [
                "INSERT INTO wing_meter (id, guid) VALUES (1, 'meter')",
                "INSERT INTO wing_subject VALUES (1, 1, 's', '', '', 'tcp')",
                "INSERT INTO wing_usage VALUES (0, 1, 'a:1', 1, 70, 1, 0, 0, 0, 0, 0)",
            ] { try old.execute(statement) }
            try old.execute(
                """
                INSERT INTO wing_flow (opened, flow, meter, boot, subject, client, destination,
                    address, updated, \(CountColumns.list), events, last_uplink_bytes)
                VALUES (?1, ?2, 1, 1, 1, 'c', 'a:1', 'a:1', 0, 70, 1, 0, 0, 0, 0, 0, 2, 50)
                """, .integer(flow.openedMilliseconds), .blob(flow.id.bytes))
        }
        let meter = try await started(boot: 2)
        let event = FlowEvent.recovered(
            flow(1), FlowCounts(up: 100, down: 0), .crash, atMilliseconds: Workbench.morning)
        _ = try await meter.observe(FlowBatch(sequence: 1, events: [event]))
        #expect(try Ledger(path: database).total.counts.uplinkBytes == 100)
        await meter.close()
    }

    @Test("are kept apart for two meters that share a database, also for one flow")
    func twoMeters() async throws {
        let one = bench.meter([:], in: folder.path, guid: "one")
        let two = bench.meter([:], in: folder.path, guid: "two")
        for meter in [one, two] {
            try await meter.start()
            _ = try await meter.observe(
                FlowBatch(
                    sequence: 1,
                    events: [
                        .closed(
                            flow(1), FlowCounts(up: 3, down: 0), .finished,
                            atMilliseconds: Workbench.morning)
                    ]))
        }
        let again = bench.meter([:], in: folder.path, guid: "two")
        await #expect(throws: WingMeterError.self) { try await again.start() }
        for meter in [one, two, again] { await meter.close() }
    }
}

import FoundationEssentials
import Model
import PluginKit
import Testing

@testable import WingMeter

@Suite("Meters of flows")
struct MeterTests {
    private let bench = Workbench()
    private let folder: Folder
    private let t = Workbench.morning

    init() throws { folder = try Folder() }

    private func started(_ options: Option) async throws -> WingMeter {
        let meter = bench.meter(options, in: folder.path)
        try await meter.start()
        return meter
    }

    private func observe(_ meter: WingMeter, _ events: FlowEvent...) async throws {
        _ = try await meter.observe(FlowBatch(sequence: 1, events: events))
    }

    private var lines: [String] { Folder.lines(folder.file("f")) }
    private var toFile: Option { ["flows": ["jsonl": .text(folder.file("f"))]] }

    @Test("start once and stop once, however often they are told to")
    func one() async throws {
        let meter = try await started([:])
        try await observe(meter, .opened(flow(1)), .opened(flow(2)), .opened(flow(1)))
        #expect(meter.openMeters == 2)
        let end = FlowEvent.closed(flow(1), FlowCounts(), .finished, atMilliseconds: t)
        try await observe(meter, end)
        try await observe(meter, end)
        #expect(meter.openMeters == 1)
        try await observe(
            meter, .recovered(flow(9, boot: 7), FlowCounts(), .crash, atMilliseconds: t),
            .closed(flow(2), FlowCounts(), .finished, atMilliseconds: t))
        #expect(meter.openMeters == 0)
        await meter.close()
    }

    @Test("write a record of each flow's end, as the interface says")
    func record() async throws {
        let meter = try await started(toFile)
        try await observe(
            meter, .opened(flow(1, host: "example.org")),
            .closed(
                flow(1, host: "example.org"), FlowCounts(up: 5, down: 6, packets: 7, overhead: 8),
                .finished, atMilliseconds: t + 1234))
        let record = """
            {"flow":"00000000000000010000000000000001","boot":"0000000000000001",\
            "service":"socks","handler":"socks5","guids":["meter"],"user":"alice",\
            "session":null,"node":null,"protocol":"tcp","client":"10.0.0.1:1025",\
            "destination":"192.0.2.1:443","host":"example.org","route":[],\
            "listener":"127.0.0.1:1080","upstream_local":"127.0.0.1:40000",\
            "upstream_remote":"192.0.2.1:443","opened":"2026-11-20T09:00:00.000Z",\
            "closed":"2026-11-20T09:00:01.234Z","uplink_bytes":5,"uplink_packets":7,\
            "downlink_bytes":6,"downlink_packets":0,"overhead_uplink_bytes":8,\
            "overhead_downlink_bytes":0,"dropped_packets":0,\
            "end":{"by":"client","phase":"relay","cause":"finished"}}
            """
        #expect(lines == [record])
        await meter.close()
    }

    @Test("carry what was said before the flow came and while it was open")
    func metadata() async throws {
        let meter = try await started(toFile)
        let (client, place) = (flow(1).client.description, flow(1).destination.description)
        func say(_ metadata: [String: String], _ transport: String = "TCP") -> Bool {
            meter.updateMetadata(
                source: client, destination: place, protocol: transport, metadata: metadata)
        }
        #expect(say(["app": "first", "host": "laptop"]))
        #expect(say(["app": "second"]))
        #expect(say(["app": "another flow"], "udp"))
        try await observe(meter, .opened(flow(1)))
        #expect(say(["late": "yes \"indeed\""]))
        try await observe(meter, .closed(flow(1), FlowCounts(), .finished, atMilliseconds: t))
        try await observe(
            meter, .opened(flow(1, boot: 2)),
            .closed(flow(1, boot: 2), FlowCounts(), .finished, atMilliseconds: t))
        #expect(lines.count == 2)
        #expect(
            lines[0].hasSuffix(
                #","metadata":{"app":"second","host":"laptop","late":"yes \"indeed\""}}"#))
        #expect(lines[1].hasSuffix(#""cause":"finished"}}"#))
        await meter.close()
    }

    @Test("get metadata that was said while they were open already")
    func lateMetadata() async throws {
        let meter = try await started(toFile)
        try await observe(meter, .opened(flow(1)))
        meter.updateMetadata(
            source: flow(1).client.description, destination: flow(1).destination.description,
            protocol: "tcp", metadata: ["a": "b"])
        try await observe(meter, .closed(flow(1), FlowCounts(), .finished, atMilliseconds: t))
        #expect(lines.first?.hasSuffix(#","metadata":{"a":"b"}}"#) == true)
        await meter.close()
    }

    @Test("forget metadata whose flow does not come, and bound how much waits")
    func boundedMetadata() {
        var table = MeterTable()
        let expiry = MeterTable.announcementMilliseconds
        var taken = 0
        for number in 0..<60_000 as Range<UInt64> {
            taken += table.announce(["n": "1"], for: ConnectionKey(flow(number)), now: 0) ? 1 : 0
        }
        for number in 0..<5536 as Range<UInt64> {
            let key = ConnectionKey(flow(number, port: 80))
            taken += table.announce(["n": "1"], for: key, now: 1) ? 1 : 0
        }
        #expect(taken == MeterTable.announcementsMax)
        let last = ConnectionKey(flow(1, port: 81))
        let isTakenWhenFull = table.announce(["n": "1"], for: last, now: 2)
        let isTakenAfterExpiry = table.announce(["n": "1"], for: last, now: expiry)
        #expect([isTakenWhenFull, isTakenAfterExpiry] == [false, true])
        table.open(flow(1), now: expiry)
        #expect(table.metadata(of: flow(1).id).isEmpty)
        table.open(flow(1, boot: 2, port: 80), now: expiry)
        #expect(table.metadata(of: flow(1, boot: 2, port: 80).id).count == 1)
        let names = (0...MeterTable.namesMax).map { ("\($0)", "") }
        let isTakenWithTooMany = table.announce(
            Dictionary(uniqueKeysWithValues: names), for: last, now: expiry)
        #expect(!isTakenWithTooMany)
    }

    @Test(
        "refuse metadata of what is no address",
        arguments: ["", "host:1", "10.0.0.1", ":", "1.2.3.4:x"])
    func wrongMetadata(_ source: String) {
        let meter = bench.meter([:], in: folder.path)
        let isTaken = meter.updateMetadata(
            source: source, destination: "10.0.0.1:1", protocol: "tcp", metadata: [:])
        #expect(!isTaken)
        #expect(
            !meter.updateMetadata(
                source: "10.0.0.1:1", destination: "10.0.0.1:1", protocol: "sctp", metadata: [:]))
    }

    @Test("are reported once per interval when something moved, numbered, to file and log")
    func intervals() async throws {
        let meter = try await started([
            "interval": "5s", "reportLog": "true",
            "flows": ["jsonl": .text(folder.file("f")), "intervals": "true"],
        ])
        func count(_ number: UInt64, _ bytes: UInt64, after seconds: Int64) -> FlowEvent {
            .counted(
                flow(number), FlowCounts(up: bytes, down: 0), atMilliseconds: t + seconds * 1000)
        }
        try await observe(meter, .opened(flow(1)), .opened(flow(2)))
        for second in 0..<12 as Range<Int64> {
            try await observe(meter, count(1, UInt64(second) + 1, after: second))
        }
        try await observe(meter, count(2, 1, after: 12))
        try await observe(
            meter,
            .closed(flow(1), FlowCounts(up: 99, down: 0), .finished, atMilliseconds: t + 12_500))
        try await observe(
            meter,
            .closed(flow(2), FlowCounts(up: 1, down: 0), .finished, atMilliseconds: t + 20_000))
        let told = try lines.map { line in
            try JSONDecoder().decode(Told.self, from: Data(line.utf8))
        }
        #expect(
            told == [
                Told(uplink_bytes: 5, seq: 1, at: "2026-11-20T09:00:04.000Z"),
                Told(uplink_bytes: 10, seq: 2, at: "2026-11-20T09:00:09.000Z"),
                Told(uplink_bytes: 99, seq: nil, at: nil),
                Told(uplink_bytes: 1, seq: nil, at: nil),
            ])
        #expect(bench.log.count == 2)
        #expect(bench.log.allSatisfy { $0.hasPrefix("info: meter {\"flow\":") })
        await meter.close()
    }

    @Test("are reported also when everything falls silent")
    func silence() async throws {
        let meter = try await started([
            "interval": "5s", "flows": ["jsonl": .text(folder.file("f")), "intervals": "true"],
        ])
        try await observe(
            meter, .opened(flow(1)),
            .counted(flow(1), FlowCounts(up: 7, down: 0), atMilliseconds: t + 1000))
        bench.now = t + 4900
        try await meter.tick()
        #expect(lines.isEmpty, "the interval has not ended")
        bench.now = t + 5100
        try await meter.tick()
        #expect(lines.count == 1)
        bench.now = t + 60_000
        try await meter.tick()
        #expect(lines.count == 1, "nothing moved since")
        let told = try lines.map { try JSONDecoder().decode(Told.self, from: Data($0.utf8)) }
        #expect(told == [Told(uplink_bytes: 7, seq: 1, at: "2026-11-20T09:00:01.000Z")])
        #expect(bench.log.isEmpty)
        await meter.close()
    }

    /// What the test reads of a line of the record file.
    private struct Told: Decodable, Equatable {
        let uplink_bytes: UInt64
        let seq: UInt64?
        let at: String?
    }
}

import Chance
import KernelTesting
import Loop
import Model
import Testing

@testable import Metering

/// A ledger on a simulated loop and all that it handed over.
///
/// ## Concurrency
/// One thread: the test's.
private final class Bench {
    let simulation: Simulation
    let service: MeteredService
    let slots = PlainMemory(chunkBytes: SlotLayout.chunkBytes)
    private let inbox = Inbox()
    private(set) var ledger: Ledger

    /// What was handed over, and when.
    final class Inbox {
        var reports: [(report: LedgerReport, wall: Int64)] = []
    }

    init(_ service: MeteredService = Flows.service(), startsAt wall: Int64? = nil) {
        simulation = Simulation(seed: 5)
        self.service = service
        if let wall {
            simulation.kernel.bootMilliseconds =
                wall - Int64(simulation.kernel.nowNanoseconds / 1_000_000)
        }
        let (inbox, driver) = (inbox, simulation.drivers[0])
        ledger = Ledger(
            loop: simulation.loops[0], boot: Flows.boot, slots: slots,
            texts: PlainMemory(chunkBytes: TextTable.chunkBytes),
            onReport: { inbox.reports.append(($0, driver.wallMilliseconds())) })
    }

    var wall: Int64 { simulation.drivers[0].wallMilliseconds() }
    var reports: [(report: LedgerReport, wall: Int64)] { inbox.reports }
    var events: [LedgerEvent] { inbox.reports.flatMap(\.report.events) }
    var lines: [String] { events.map(Self.describe) }

    func take() -> [String] {
        defer { inbox.reports = [] }
        return lines
    }

    func open(_ number: UInt64, transport: TransportProtocol = .udp) throws -> FlowMeter {
        var meter: FlowMeter?
        on { meter = $0.open(Flows.info(number, service, transport: transport), service: service) }
        return try #require(meter)
    }

    func on(_ body: (Ledger) -> Void) { simulation.onLoop { _ in body(ledger) } }

    static func describe(_ event: LedgerEvent) -> String {
        switch event {
        case .opened(let flow): "opened \(flow.id.low)"
        case .counted(let flow, let counts, _): "counted \(flow.id.low): \(counts.uplinkBytes)"
        case .packets(let flow, let direction, let bytes, let count):
            "packets \(flow.id.low) \(direction): \(count) x \(bytes)"
        case .closed(let flow, let counts, let end, _, _):
            "closed \(flow.id.low): \(counts.uplinkBytes) \(end.cause.name)"
        }
    }
}

@Suite("One loop's open flows", .timeLimit(.minutes(5)))
struct LedgerTests {
    @Test func `a flow is opened, then counted, then closed with its totals`() throws {
        let bench = Bench()
        bench.on { $0.start() }
        let meter = try bench.open(1)
        #expect(bench.ledger.openCount == 1)
        bench.on { _ in
            meter.count(.uplink, bytes: 100, packets: 1)
            meter.count(.downlink, bytes: 7, packets: 2)
        }
        bench.simulation.run(milliseconds: 1100)
        bench.on { _ in meter.count(.uplink, bytes: 20, packets: 1) }
        bench.on { $0.close(meter, Flows.finished) }
        bench.simulation.run(milliseconds: 1100)
        #expect(bench.lines == ["opened 1", "counted 1: 100", "closed 1: 120 finished"])
        #expect(bench.ledger.openCount == 0)
        #expect(meter.counts.downlinkPackets == 2)
    }

    @Test func `an opened flow is told soon, together with what else happened`() throws {
        let bench = Bench()
        bench.on { $0.start() }
        bench.simulation.run(milliseconds: 300)
        let first = try bench.open(1)
        _ = try bench.open(2)
        bench.on { $0.close(first, Flows.finished) }
        bench.simulation.run(milliseconds: UInt64(Limits.ledgerDelayMilliseconds) - 5)
        #expect(bench.reports.isEmpty)
        bench.simulation.run(milliseconds: 15)
        #expect(bench.reports.count == 1, "one message, not one per flow")
        #expect(bench.lines == ["opened 1", "opened 2", "closed 1: 0 finished"])
    }

    @Test func `counts are told once a second, on whole seconds, and only where they grew`() throws
    {
        let bench = Bench(startsAt: 1_795_165_200_350)
        bench.on { $0.start() }
        let (busy, quiet) = (try bench.open(1), try bench.open(2))
        bench.simulation.run(milliseconds: 300)
        _ = bench.take()
        for _ in 0..<33 {
            bench.on { _ in busy.count(.uplink, bytes: 10, packets: 1) }
            bench.simulation.run(milliseconds: 100)
        }
        #expect(bench.take() == ["counted 1: 40", "counted 1: 140", "counted 1: 240"])
        let again = Bench(startsAt: 1_795_165_200_350)
        again.on { $0.start() }
        let meter = try again.open(1)
        again.simulation.run(milliseconds: 300)
        again.on { _ in meter.count(.uplink, bytes: 1, packets: 1) }
        again.simulation.run(milliseconds: 500)
        let wall = try #require(again.reports.last?.wall)
        #expect((1_795_165_201_000...1_795_165_201_010).contains(wall))
        #expect(quiet.counts == FlowCounts())
    }

    @Test func `bytes moved before a bucket's edge belong to the bucket that ended`() throws {
        let bucket = Int64(Limits.usageBucketMilliseconds)
        let edge = 1_795_165_200_000 / bucket * bucket + bucket
        let bench = Bench(startsAt: edge - 600)
        bench.on { $0.start() }
        let meter = try bench.open(1)
        bench.on { _ in meter.count(.uplink, bytes: 5, packets: 1) }
        bench.simulation.run(milliseconds: 800)
        bench.on { _ in meter.count(.uplink, bytes: 6, packets: 1) }
        bench.simulation.run(milliseconds: 1000)
        let moments = bench.events.compactMap { event -> Int64? in
            if case .counted(_, _, let moment) = event { moment } else { nil }
        }
        try #require(moments.count == 2)
        #expect(moments[0] == edge - 1)
        #expect(moments[1] > edge && moments[1] < edge + 1100)
        #expect(bench.lines.suffix(2) == ["counted 1: 5", "counted 1: 11"])
    }

    @Test func `settling reads and hands over at once`() throws {
        let bench = Bench()
        let meter = try bench.open(1)
        bench.on { ledger in
            meter.count(.uplink, bytes: 3, packets: 1)
            ledger.settle()
            ledger.settle()
        }
        #expect(bench.lines == ["opened 1", "counted 1: 3"])
        #expect(bench.reports.count == 1, "nothing to tell is not told")
    }

    @Test func `stopping hands over the rest and ends the timers`() throws {
        let bench = Bench()
        bench.on { $0.start() }
        let meter = try bench.open(1)
        bench.on { ledger in
            meter.count(.uplink, bytes: 3, packets: 1)
            ledger.close(meter, Flows.finished)
            ledger.stop()
        }
        #expect(bench.take() == ["opened 1", "closed 1: 3 finished"])
        bench.simulation.run(milliseconds: 5000)
        #expect(bench.reports.isEmpty)
        #expect(bench.simulation.nextNanoseconds == nil)
    }

    @Test func `a slot is used again once it was released, not before`() throws {
        let bench = Bench()
        let first = try bench.open(1)
        bench.on { $0.close(first, Flows.finished) }
        let second = try bench.open(2)
        #expect(second.slotIndex != first.slotIndex)
        bench.on { $0.release([first.slotIndex]) }
        #expect(try bench.open(3).slotIndex == first.slotIndex)
        let boot = DeadBoot(boot: Flows.boot, slotChunks: bench.slots.chunks, textChunks: [])
        #expect(boot.unreadableSlots == 2, "both open flows are on disk")
    }

    @Test func `closing twice is a bug and stops the process`() async {
        await #expect(processExitsWith: .failure) {
            let bench = Bench()
            let meter = try bench.open(1)
            bench.on { ledger in
                ledger.close(meter, Flows.finished)
                ledger.close(meter, Flows.finished)
            }
        }
    }

    /// Ends flows as a relay does, and the next one with them.
    private final class Owner: FlowOwner {
        var ended: [(UInt64, FlowEnd.Cause)] = []
        var companion: FlowMeter?
        let ledger: Ledger
        init(_ ledger: Ledger) { self.ledger = ledger }

        func cut(_ meter: FlowMeter, _ end: FlowEnd) {
            ended.append((meter.flow.id.low, end.cause))
            ledger.close(meter, end)
            guard let companion else { return }
            self.companion = nil
            ledger.close(companion, end)
        }
    }

    @Test func `a cut reaches the owners of exactly the named flows`() throws {
        let bench = Bench()
        let meters = try (0..<5).map { try bench.open($0) }
        let owner = Owner(bench.ledger)
        for meter in meters { meter.owner = owner }
        // Ending one flow may end another that is to be cut as well.
        owner.companion = meters[3]
        let ruled = FlowEnd(by: .gateway, phase: .relay, cause: .ruled)
        bench.on { ledger in
            ledger.cut([meters[1].flow.id, meters[3].flow.id, meters[4].flow.id], ruled)
        }
        let cut = Set(owner.ended.map(\.0))
        #expect(cut.isSubset(of: [1, 3, 4]))
        #expect(bench.ledger.openCount == 2)
        #expect(owner.ended.allSatisfy { $0.1 == .ruled })
        var open: Set<UInt64> = []
        bench.on { $0.forEachOpen { open.insert($0.flow.id.low) } }
        #expect(open == [0, 2])
        for meter in meters { withExtendedLifetime(meter) {} }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `over a random history counts never shrink and end with the totals`(_ seed: UInt64) throws
    {
        let bench = Bench()
        bench.on { $0.start() }
        var random = SplitMix64(seed: seed)
        var meters: [FlowMeter] = []
        var totals: [UInt64: UInt64] = [:]
        var next: UInt64 = 0
        for _ in 0..<400 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1:
                meters.append(try bench.open(next))
                totals[next] = 0
                next += 1
            case 2 where !meters.isEmpty:
                let meter = meters.remove(at: Int.random(in: 0..<meters.count, using: &random))
                bench.on { $0.close(meter, Flows.finished) }
            case 3:
                bench.simulation.run(milliseconds: UInt64.random(in: 1...700, using: &random))
            default:
                guard let meter = meters.randomElement(using: &random) else { continue }
                let bytes = Int.random(in: 0...5000, using: &random)
                bench.on { _ in meter.count(.uplink, bytes: bytes, packets: 1) }
                totals[meter.flow.id.low, default: 0] += UInt64(bytes)
            }
        }
        for meter in meters { bench.on { $0.close(meter, Flows.finished) } }
        bench.on { $0.stop() }
        expectOrder(bench.events, totals)
    }

    private func expectOrder(_ events: [LedgerEvent], _ totals: [UInt64: UInt64]) {
        var last: [UInt64: UInt64] = [:]
        var closed: Set<UInt64> = []
        for event in events {
            switch event {
            case .opened(let flow):
                #expect(last.updateValue(0, forKey: flow.id.low) == nil)
            case .counted(let flow, let counts, _):
                let before = last.updateValue(counts.uplinkBytes, forKey: flow.id.low)
                #expect(before != nil && before ?? 0 <= counts.uplinkBytes)
                #expect(!closed.contains(flow.id.low))
            case .closed(let flow, let counts, _, _, _):
                #expect(closed.insert(flow.id.low).inserted)
                #expect((last[flow.id.low] ?? .max) <= counts.uplinkBytes)
                #expect(totals[flow.id.low] == counts.uplinkBytes)
            case .packets:
                Issue.record("nobody asked for packets")
            }
        }
        #expect(closed.count == totals.count)
    }
}

@Suite("Datagrams told to legacy reporters")
struct LedgerPacketTests {
    private func packets(
        _ service: MeteredService, transport: TransportProtocol = .udp, hasReporters: Bool = true,
        _ body: (FlowMeter) -> Void
    ) throws -> (lines: [String], dropped: UInt64) {
        let bench = Bench(service)
        bench.on { $0.setReported(hasReporters ? Set(service.info.guids) : []) }
        let meter = try bench.open(1, transport: transport)
        bench.on { ledger in
            body(meter)
            ledger.settle()
        }
        return (
            bench.lines.filter { $0.hasPrefix("packets") },
            bench.reports.reduce(0) { $0 + $1.report.droppedPackets }
        )
    }

    @Test func `each is told with its size and direction; empty ones are metered only`() throws {
        let told = try packets(Flows.service()) { meter in
            meter.count(.uplink, bytes: 30, packets: 1)
            meter.count(.uplink, bytes: 0, packets: 1)
            meter.count(.downlink, bytes: 300, packets: 3)
            #expect(meter.counts.uplinkPackets == 2)
        }
        #expect(told.lines == ["packets 1 uplink: 1 x 30", "packets 1 downlink: 3 x 100"])
        #expect(told.dropped == 0)
    }

    @Test func `nobody registered, no GUID, or TCP: nothing is told`() throws {
        let move: (FlowMeter) -> Void = { $0.count(.uplink, bytes: 5, packets: 1) }
        #expect(try packets(Flows.service(), hasReporters: false, move).lines.isEmpty)
        #expect(try packets(Flows.service([]), move).lines.isEmpty)
        #expect(try packets(Flows.service(), transport: .tcp, move).lines.isEmpty)
    }

    @Test func `TCP is told where the handler asks for it`() throws {
        let told = try packets(Flows.service(tcp: true), transport: .tcp) {
            $0.count(.downlink, bytes: 500, packets: 1)
        }
        #expect(told.lines == ["packets 1 downlink: 1 x 500"])
    }

    @Test func `what waits is bounded, the rest is counted as dropped`() throws {
        let told = try packets(Flows.service()) { meter in
            meter.count(
                .uplink, bytes: Limits.packetsPerReporter, packets: Limits.packetsPerReporter)
            meter.count(.uplink, bytes: 10, packets: 1)
            meter.count(.downlink, bytes: 64, packets: 64)
            meter.count(.downlink, bytes: 0, packets: 1)
        }
        #expect(told.lines.count == 1)
        #expect(told.dropped == 65, "empty ones are not told anyway")
    }
}

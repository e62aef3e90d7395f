import Chance
import KernelTesting
import Loop
import Model
import PluginKit
import Testing

@testable import Metering

@Suite("Settling what loops counted with the plugins", .timeLimit(.minutes(2)))
struct SettlementTests {
    private let house = House()

    /// Opens a flow, moves bytes, ends it.
    private func live(
        _ number: UInt64, _ service: MeteredService, bytes: Int = 10, loop: Int = 0
    ) throws {
        let meter = try house.open(number, service, loop: loop)
        house.on(loop) { ledger in
            meter.count(.uplink, bytes: bytes, packets: 1)
            ledger.close(meter, Flows.finished)
        }
    }

    @Test func `a plugin sees exactly the flows of handlers that name its GUID`() throws {
        let (meter, billing) = (house.witness("meter"), house.witness("billing"))
        let services = [
            Flows.service(["meter"]), Flows.service(["meter", "billing"]), Flows.service([]),
            Flows.service(["billing"]), Flows.service(["nobody"]),
        ]
        for service in services { house.serve(service) }
        for (number, service) in services.enumerated() {
            try live(UInt64(number), service, bytes: 100 + number, loop: number % 2)
        }
        house.run(milliseconds: 2000)
        #expect(
            meter.lines.sorted() == [
                "closed 0: 100 finished", "closed 1: 101 finished", "opened 0", "opened 1",
            ])
        #expect(
            billing.lines.sorted() == [
                "closed 1: 101 finished", "closed 3: 103 finished", "opened 1", "opened 3",
            ])
        #expect(house.closed.count == 5, "every flow is logged, whoever watches it")
        #expect(house.remains.isEmpty)
    }

    @Test func `a service that was changed is forgotten when its flows are over`() throws {
        let meter = house.witness("meter")
        let first = Flows.service()
        house.serve(first)
        let long = try house.open(1, first)
        house.runSoon()
        // Each change of a service's GUIDs makes it another one.
        for number in 2..<60 {
            let next = Flows.service()
            house.serve(next)
            house.atHome { $0.keepOnly([next]) }
            try live(UInt64(number), next)
            house.run(milliseconds: 1000)
        }
        var count = 0
        house.atHome { count = $0.serviceCount }
        #expect(count < 20, "\(count) services are known")
        house.on { ledger in
            long.count(.uplink, bytes: 77, packets: 1)
            ledger.close(long, Flows.finished)
        }
        house.runSoon()
        #expect(meter.lines.contains("closed 1: 77 finished"))
        #expect(meter.lines.count == 2 * 59)
    }

    @Test func `several plugins under one GUID are called in their order`() throws {
        let diary = Witnesses()
        let all = ["first", "second", "third"].map {
            house.witness("meter", name: $0, diary: diary)
        }
        let service = Flows.service()
        house.serve(service)
        try live(1, service)
        house.runSoon()
        #expect(diary.lines == ["first", "second", "third"])
        #expect(all.allSatisfy { $0.lines == ["opened 1", "closed 1: 10 finished"] })
    }

    @Test func `a slot is released when every observer took the end, not before`() throws {
        let (quick, slow) = (house.witness("meter"), house.witness("billing"))
        slow.fail(3)
        let service = Flows.service(["meter", "billing"])
        house.serve(service)
        try live(1, service, bytes: 33)
        house.run(milliseconds: 300)
        #expect(quick.lines.last == "closed 1: 33 finished")
        #expect(house.released.isEmpty)
        #expect(!house.settlement.isSettled)
        // A crash now would bring the flow back with its totals and its own end.
        #expect(house.remains.map(\.counts.uplinkBytes) == [33])
        #expect(house.remains.map(\.end) == [Flows.finished])
        house.run(milliseconds: 10_000)
        #expect(slow.lines.last == "closed 1: 33 finished")
        #expect(house.releasedCount == 1)
        #expect(house.settlement.isSettled)
        #expect(house.remains.isEmpty)
    }

    @Test func `a flow that nobody observes is released at once, on its own loop`() throws {
        let service = Flows.service([])
        house.serve(service)
        try live(1, service, loop: 1)
        house.runSoon()
        #expect(house.released.map(\.loop) == [1])
        #expect(house.remains.isEmpty)
        #expect(house.closed.map(\.counts.uplinkBytes) == [10])
    }

    /// Ends flows as a relay does.
    private final class Owner: FlowOwner {
        let house: House
        let loop: Int
        var cuts: [FlowEnd.Cause] = []

        init(_ house: House, loop: Int) {
            self.house = house
            self.loop = loop
        }

        func cut(_ meter: FlowMeter, _ end: FlowEnd) {
            cuts.append(end.cause)
            meter.ledger.close(meter, end)
        }
    }

    @Test(arguments: [0, 1])
    func `a ruling ends its flow wherever it runs, and no other`(_ loop: Int) throws {
        let witness = house.witness("meter")
        witness.rule { event in
            if case .counted(let flow, let counts, _) = event, flow.id.low == 2,
                counts.uplinkBytes > 100
            {
                .deny("quota")
            } else {
                .allow
            }
        }
        let service = Flows.service()
        house.serve(service)
        let owner = Owner(house, loop: loop)
        let meters = try (1...3 as ClosedRange<UInt64>).map {
            try house.open($0, service, loop: loop)
        }
        for meter in meters { meter.owner = owner }
        house.on(loop) { _ in for meter in meters { meter.count(.uplink, bytes: 90, packets: 1) } }
        house.run(milliseconds: 1500)
        #expect(owner.cuts.isEmpty)
        house.on(loop) { _ in for meter in meters { meter.count(.uplink, bytes: 90, packets: 1) } }
        house.run(milliseconds: 1500)
        #expect(owner.cuts == [.ruled])
        #expect(house.closed.map(\.flow.id.low) == [2])
        #expect(witness.lines.last == "closed 2: 180 ruled")
        #expect(house.log.lines.contains { $0.contains("quota") })
        house.on(loop) { ledger in
            for meter in [meters[0], meters[2]] { ledger.close(meter, Flows.finished) }
        }
        house.runSoon()
        #expect(house.remains.isEmpty)
    }

    @Test func `a dead boot's flows are told, and its files kept until all have stored them`()
        throws
    {
        let service = Flows.service(["meter", "billing"])
        let before = House(seed: 1)
        for number in 1...3 as ClosedRange<UInt64> {
            let meter = try before.open(number, service)
            before.on { _ in meter.count(.uplink, bytes: Int(number), packets: 1) }
        }
        let dead = DeadBoot(
            boot: Flows.boot, slotChunks: before.memories[0].chunks,
            textChunks: before.texts[0].chunks)
        let (meter, billing) = (house.witness("meter"), house.witness("billing"))
        billing.fail(2)
        let diary = Witnesses()
        house.atHome { $0.recover(dead) { diary.write("done") } }
        house.runSoon()
        #expect(meter.events.count == 3)
        #expect(diary.lines.isEmpty)
        house.run(milliseconds: 10_000)
        #expect(diary.lines == ["done"])
        let expected = (1...3).map { "recovered \($0): \($0) crash" }
        #expect(meter.lines.sorted() == expected)
        #expect(billing.lines.sorted() == expected)
        #expect(house.released.isEmpty, "they have no slots in this boot")
        #expect(house.closed.count == 3)
    }

    @Test func `several dead boots are done each for itself, empty and unobserved ones at once`() {
        let diary = Witnesses()
        let empty = DeadBoot(boot: Flows.boot, slotChunks: [], textChunks: [])
        house.atHome { settlement in
            settlement.recover(empty) { diary.write("one") }
            settlement.recover(empty) { diary.write("two") }
        }
        #expect(diary.lines == ["one", "two"])
    }

    @Test func `idleness is told when all observers are through`() throws {
        let (quick, slow) = (house.witness("meter"), house.witness("billing"))
        slow.rest(milliseconds: 400)
        let diary = Witnesses()
        house.atHome { $0.whenIdle { diary.write("before") } }
        #expect(diary.lines == ["before"])
        let service = Flows.service(["meter", "billing"])
        house.serve(service)
        try live(1, service)
        house.runSoon()
        house.atHome { $0.whenIdle { diary.write("after") } }
        #expect(diary.lines == ["before"])
        house.run(milliseconds: 1000)
        #expect(diary.lines == ["before", "after"])
        #expect(quick.events.count == slow.events.count)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `over a random history every observer ends with every flow's totals`(
        _ seed: UInt64
    ) throws {
        let house = House(seed: seed)
        var random = SplitMix64(seed: seed)
        let witnesses = ["meter", "meter", "billing"].map { house.witness($0) }
        let services = [
            Flows.service(["meter"]), Flows.service(["billing", "meter"]), Flows.service([]),
        ]
        for service in services { house.serve(service) }
        for witness in witnesses { witness.rest(milliseconds: random.next() % 700) }
        var open: [(meter: FlowMeter, loop: Int)] = []
        var totals: [UInt64: (bytes: UInt64, service: Int)] = [:]
        for _ in 0..<300 {
            switch Int.random(in: 0..<9, using: &random) {
            case 0...2:
                let (kind, loop) = (Int(random.next() % 3), Int(random.next() % 2))
                let number = UInt64(totals.count)
                open.append((try house.open(number, services[kind], loop: loop), loop))
                totals[number] = (0, kind)
            case 3 where !open.isEmpty:
                let (meter, loop) = open.remove(at: Int(random.next() % UInt64(open.count)))
                house.on(loop) { $0.close(meter, Flows.finished) }
            case 4:
                house.run(milliseconds: random.next() % 800)
            case 5:
                witnesses.randomElement(using: &random)?.fail(Int(random.next() % 3))
            default:
                guard let (meter, loop) = open.randomElement(using: &random) else { continue }
                let bytes = Int(random.next() % 9000)
                house.on(loop) { _ in meter.count(.uplink, bytes: bytes, packets: 1) }
                totals[meter.flow.id.low]?.bytes += UInt64(bytes)
            }
        }
        for (meter, loop) in open { house.on(loop) { $0.close(meter, Flows.finished) } }
        house.run(milliseconds: 300_000)
        for (witness, kinds) in zip(witnesses, [[0, 1], [0, 1], [1]]) {
            let seen = checkedTotals(of: witness.events) { Issue.record("seed \(seed): \($0)") }
            let own = totals.filter { kinds.contains($0.value.service) }.mapValues(\.bytes)
            #expect(seen == own, "seed \(seed)")
        }
        #expect(house.closed.count == totals.count)
        #expect(house.releasedCount == totals.count, "every slot is free again")
        #expect(house.remains.isEmpty)
        #expect(house.settlement.isSettled)
    }
}

@Suite("Reporters behind the settlement", .timeLimit(.minutes(5)))
struct SettlementReporterTests {
    private let house = House()
    private let clerk = Clerk()

    /// One flow with a datagram each way.
    private func live(
        _ number: UInt64, _ service: MeteredService, transport: TransportProtocol = .udp
    ) throws {
        let meter = try house.open(number, service, transport: transport)
        house.on { ledger in
            meter.count(.uplink, bytes: 5, packets: 1)
            meter.count(.downlink, bytes: 6, packets: 1)
            ledger.close(meter, Flows.finished)
        }
        house.runSoon()
    }

    /// Each call without its addresses.
    private var calls: [String] {
        clerk.lines.map { line in
            let words = line.split(separator: " ")
            return "\(words[1])\(words.count == 5 ? " \(words[4])" : "")"
        }
    }

    @Test func `start, packets and end come in this order, through ledger and settlement`() throws {
        house.register("meter", clerk)
        let service = Flows.service()
        house.serve(service)
        try live(1, service)
        #expect(calls == ["start", "rx 5", "tx 6", "end"])
    }

    @Test func `a reporter hears the flows of its GUID and no others`() throws {
        house.register("billing", clerk)
        let (own, other) = (Flows.service(["meter", "billing"]), Flows.service(["meter"]))
        house.serve(own, other)
        try live(1, other)
        #expect(calls.isEmpty)
        try live(2, own)
        #expect(calls.count == 4)
    }

    @Test func `TCP is for handlers that ask for it`() throws {
        house.register("meter", clerk)
        let (plain, asking) = (Flows.service(), Flows.service(tcp: true))
        house.serve(plain, asking)
        try live(1, plain, transport: .tcp)
        #expect(calls.isEmpty)
        try live(2, asking, transport: .tcp)
        #expect(clerk.lines.first?.hasPrefix("tcp start") == true)
        #expect(calls == ["start", "rx 5", "tx 6", "end"])
    }

    @Test func `the handler's own directions reach the reporter`() throws {
        house.register("meter", clerk)
        let service = Flows.service(aerocore: true)
        house.serve(service)
        try live(1, service)
        #expect(calls == ["start", "tx 5", "rx 6", "end"])
    }

    @Test func `registering late and leaving early both work while flows run`() throws {
        let service = Flows.service()
        house.serve(service)
        let meter = try house.open(1, service)
        house.on { _ in meter.count(.uplink, bytes: 1, packets: 1) }
        house.runSoon()
        house.register("meter", clerk)
        house.on { _ in meter.count(.uplink, bytes: 2, packets: 1) }
        house.runSoon()
        #expect(calls == ["rx 2"])
        house.registry.unregister(guid: "meter")
        house.atHome { $0.reportersChanged() }
        house.on { _ in meter.count(.uplink, bytes: 3, packets: 1) }
        house.on { $0.close(meter, Flows.finished) }
        house.runSoon()
        #expect(calls == ["rx 2"])
    }

    @Test func `drops are told by GUID`() throws {
        house.register("meter", clerk)
        _ = house.witness("billing")
        let service = Flows.service(["meter", "billing"])
        house.serve(service)
        try live(1, service)
        let drops = house.settlement.drops
        #expect(drops.map(\.guid) == ["billing", "meter"])
        #expect(drops.allSatisfy { $0.flows == 0 && $0.packets == 0 })
    }
}

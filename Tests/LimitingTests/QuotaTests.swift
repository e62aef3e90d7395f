import Chance
import KernelTesting
import Limiting
import Loop
import Model
import Synchronization
import Testing

@Suite("Quotas", .timeLimit(.minutes(2)))
struct QuotaTests {
    /// A wall clock that the test sets, and the quotas that said they are used up.
    private final class Wall: Sendable {
        let milliseconds = Mutex<Int64>(0)
        let exhausted = Mutex<[any Supply]>([])

        func set(_ text: String) throws {
            let moment = try #require(CivilTime.milliseconds(text))
            milliseconds.withLock { $0 = moment }
        }

        func quota(
            _ lines: [(key: LimitKey, value: UInt64)], _ terms: QuotaTerms = QuotaTerms()
        ) -> Quota {
            Quota(
                name: "q", lines, terms: terms,
                clock: { [self] in milliseconds.withLock { $0 } },
                onExhausted: { [self] _, supply in exhausted.withLock { $0.append(supply) } })
        }
    }

    private let wall = Wall()
    private let alice = LimitedSubject(address: IPAddress(v4: 0x0a00_0001), user: "alice")
    private let bob = LimitedSubject(address: IPAddress(v4: 0x0a00_0002), user: "bob")

    /// Takes all that a subject may have, at a moment so late that nobody waits for others.
    private func drain(_ quota: Quota, _ subject: LimitedSubject, at moment: UInt64 = 0) -> Int {
        let supplies = quota.supplies(for: subject, ConnectionShares(), nowNanoseconds: moment)
            .uplink
        var taken = 0
        while true {
            let grants = supplies.map { $0.take(1000, nowNanoseconds: moment) }
            var least = 1000
            for grant in grants {
                if case .bytes(let count) = grant { least = min(least, count) } else { least = 0 }
            }
            for (supply, grant) in zip(supplies, grants) {
                if case .bytes(let count) = grant {
                    supply.giveBack(count - least, nowNanoseconds: moment)
                }
            }
            if least == 0 { return taken }
            taken += least
        }
    }

    @Test(arguments: [1, 2, 4], [1, 1000, 123_457, 30_000_000])
    func `flows of all loops move what it allows, not one byte more, and end`(
        _ loops: Int, _ limit: Int
    ) {
        let bench = LimitingBench(loops: loops)
        let quota = wall.quota([(.everything, UInt64(limit))])
        for loop in 0..<loops { for _ in 0..<5 { bench.add([quota], loop: loop) } }
        bench.simulation.run(milliseconds: 3000)
        #expect(bench.moved == limit)
        let supply = wall.exhausted.withLock { $0.first }
        #expect(supply != nil)
        for loop in 0..<loops {
            bench.simulation.onLoop(loop) { _ in
                if let supply { bench.shapers[loop].end(flowsOf: supply) }
            }
        }
        let haveEnded = bench.flows.joined().allSatisfy { $0.hasEnded }
        #expect(haveEnded)
        #expect(bench.shapers.allSatisfy { $0.flowCount == 0 })
        #expect(quota.refusal(of: alice) == "quota 'q' is used up")
        #expect(bench.moved == limit)
    }

    @Test func `with a rate besides it, both hold`() {
        let bench = LimitingBench(loops: 1)
        let rate = TrafficRates(uplink: ByteRate(bytesPerSecond: 100_000), downlink: nil)
        let limiter = LimiterUse(TrafficLimiter([(.everything, rate)]))
        let quota = wall.quota([(.everything, 250_000)])
        bench.add([limiter, quota])
        bench.simulation.run(milliseconds: 2000)
        #expect(bench.moved <= 205_000)
        #expect(bench.moved >= 190_000)
        bench.simulation.run(milliseconds: 2000)
        #expect(bench.moved == 250_000)
    }

    @Test func `what was granted and not moved comes back when the flow ends`() {
        let bench = LimitingBench(loops: 1)
        let quota = wall.quota([(.user("alice"), 1000)])
        var limits: FlowLimits?
        bench.simulation.onLoop { _ in
            limits = FlowLimits(bench.shapers[0], [quota], alice)
            limits?.spend(.uplink, limits?.allowed(.uplink) ?? 0)
            var totals = FlowCounts()
            totals.uplinkBytes = 400
            limits?.close(totals)
        }
        #expect(quota.usage.map(\.usedBytes) == [400])
        #expect(drain(quota, alice) == 600)
    }

    @Test func `a datagram passes whole or not at all`() {
        let bench = LimitingBench(loops: 1)
        let quota = wall.quota([(.everything, 1000)])
        bench.simulation.onLoop { _ in
            let limits = FlowLimits(bench.shapers[0], [quota], alice)
            #expect(limits.admits(.downlink, 700))
            #expect(!limits.admits(.downlink, 400))
            #expect(limits.admits(.uplink, 300))
            #expect(!limits.admits(.uplink, 1))
            limits.close()
        }
        #expect(quota.refusal(of: bob) != nil)
    }

    @Test func `users, addresses and everything have their own accounts`() {
        let quota = wall.quota([
            (.everything, 5000), (.eachUser, 1000), (.user("alice"), 2000), (.eachAddress, 4000),
        ])
        #expect(drain(quota, alice) == 2000)
        #expect(quota.refusal(of: alice) != nil)
        #expect(quota.refusal(of: bob) == nil)
        #expect(drain(quota, bob) == 1000)
        let third = LimitedSubject(address: bob.address, user: "carol")
        #expect(drain(quota, third) == 1000)
        let nobody = LimitedSubject(address: bob.address, user: nil)
        #expect(drain(quota, nobody) == 1000)
        #expect(quota.refusal(of: LimitedSubject(address: IPAddress(v4: 9), user: nil)) != nil)
    }

    @Test func `a day begins anew at its midnight, a month at its first`() throws {
        let berlin: @Sendable (Int64) -> Int64 = { _ in 7200 }
        for (period, before, after) in [
            (QuotaTerms.Period.day, "2026-06-09T21:59:59Z", "2026-06-09T22:00:00Z"),
            (.month, "2026-06-30T21:59:59Z", "2026-06-30T22:00:00Z"),
        ] {
            let quota = wall.quota(
                [(.eachUser, 1000)], QuotaTerms(period: period, offsetSeconds: berlin))
            try wall.set("2026-06-09T12:00:00Z")
            #expect(drain(quota, alice) == 1000)
            try wall.set(before)
            #expect(quota.refusal(of: alice) != nil)
            try wall.set(after)
            #expect(quota.refusal(of: alice) == nil)
            #expect(drain(quota, alice) == 1000)
        }
    }

    @Test func `outside of its time it lets everything through and counts nothing`() throws {
        let starts = try #require(CivilTime.milliseconds("2026-06-01T10:07:00Z"))
        let quota = wall.quota(
            [(.everything, 1000)],
            QuotaTerms(startsMilliseconds: starts, endsMilliseconds: starts + 60_000))
        let supply = quota.supplies(for: alice, ConnectionShares(), nowNanoseconds: 0).uplink[0]
        try wall.set("2026-06-01T10:06:59.999Z")
        #expect(supply.take(1 << 20, nowNanoseconds: 0) == .bytes(1 << 20))
        try wall.set("2026-06-01T10:07:00Z")
        #expect(drain(quota, alice) == 1000)
        try wall.set("2026-06-01T10:08:00Z")
        #expect(quota.refusal(of: alice) == nil)
        #expect(supply.take(1 << 20, nowNanoseconds: 0) == .bytes(1 << 20))
    }

    @Test func `what was stored counts in its own period only`() throws {
        try wall.set("2026-06-09T12:00:00Z")
        let quota = wall.quota([(.eachUser, 1000)], QuotaTerms(period: .day))
        quota.restore(300, of: .user("alice"), period: "2026-06-09")
        quota.restore(900, of: .user("bob"), period: "2026-06-08")
        #expect(drain(quota, alice) == 700)
        #expect(drain(quota, bob) == 1000)
    }

    @Test func `more is allowed at once when the line is changed`() {
        let quota = wall.quota([(.eachUser, 1000)])
        #expect(drain(quota, alice) == 1000)
        quota.replace([(.eachUser, 1500)])
        #expect(quota.refusal(of: alice) == nil)
        #expect(drain(quota, alice) == 500)
        quota.replace([(.eachUser, 100)])
        #expect(quota.refusal(of: alice) != nil)
        #expect(quota.usage.map(\.usedBytes) == [1500])
    }

    @Test func `a direction of its own leaves the other alone`() {
        let quota = wall.quota([(.everything, 1000)], QuotaTerms(counted: .downlink))
        let supplies = quota.supplies(for: alice, ConnectionShares(), nowNanoseconds: 0)
        #expect(supplies.uplink.isEmpty)
        #expect(supplies.downlink.count == 1)
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `an independent count agrees, whatever is taken and given back`(_ seed: UInt64) throws {
        var chance = SplitMix64(seed: seed)
        let limit = 100_000
        let quota = wall.quota([(.eachUser, UInt64(limit))], QuotaTerms(period: .day))
        var day = 1
        var model = ["alice": 0, "bob": 0]
        try wall.set("2026-06-01T12:00:00Z")
        for step in 0..<2000 {
            if chance.happens(0.005) {
                day += 1
                try wall.set("2026-06-\(day < 10 ? "0" : "")\(min(day, 30))T12:00:00Z")
                if day <= 30 { model = ["alice": 0, "bob": 0] }
            }
            let (name, subject) = chance.happens(0.5) ? ("alice", alice) : ("bob", bob)
            let supply = quota.supplies(for: subject, ConnectionShares(), nowNanoseconds: 0).uplink[
                0]
            let wanted = Int.random(in: 1...3000, using: &chance)
            let used = model[name] ?? 0
            switch supply.take(wanted, nowNanoseconds: UInt64(step)) {
            case .bytes(let count):
                #expect(count > 0 && count <= wanted && used + count <= limit, "seed \(seed)")
                let back = chance.happens(0.4) ? Int.random(in: 0...count, using: &chance) : 0
                supply.giveBack(back, nowNanoseconds: UInt64(step))
                model[name] = used + count - back
            case .later, .exhausted:
                #expect(used == limit, "seed \(seed)")
            }
        }
        for (holder, usedBytes, _) in quota.usage {
            guard case .user(let name) = holder else { continue }
            #expect(Int(usedBytes) == model[name], "seed \(seed)")
        }
    }
}

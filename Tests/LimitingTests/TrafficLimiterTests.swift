import Limiting
import Model
import Testing

@Suite("Whom the lines of a limiter are about")
struct TrafficLimiterTests {
    private func rates(_ uplink: Int, _ downlink: Int? = nil) -> TrafficRates {
        TrafficRates(
            uplink: ByteRate(bytesPerSecond: uplink),
            downlink: downlink.map { ByteRate(bytesPerSecond: $0) })
    }

    private func limiter(_ lines: [(String, TrafficRates)]) throws -> TrafficLimiter {
        TrafficLimiter(try lines.map { (try #require(LimitKey($0.0)), $0.1) })
    }

    private func subject(_ address: String, _ user: String? = nil) throws -> LimitedSubject {
        LimitedSubject(address: try #require(IPAddress(address)), user: user)
    }

    private func supplies(
        _ limiter: TrafficLimiter, _ subject: LimitedSubject, _ scope: LimiterUse.Scope = .all,
        shares: ConnectionShares = ConnectionShares(), at nanoseconds: UInt64 = 0
    ) -> Supplies {
        LimiterUse(limiter, scope: scope).supplies(
            for: subject, shares, nowNanoseconds: nanoseconds)
    }

    private func burst(_ supply: any Supply) -> Int {
        guard case .bytes(let count) = supply.take(1 << 40, nowNanoseconds: 0) else { return 0 }
        supply.giveBack(count, nowNanoseconds: 0)
        return count * 20
    }

    @Test func `everything that holds for a client holds at once`() throws {
        let limiter = try limiter([
            ("$", rates(2000, 4000)), ("$$", rates(3000)), ("10.0.0.0/8", rates(6000)),
            ("user:alice", rates(7000)),
        ])
        let found = supplies(limiter, try subject("10.1.2.3", "alice"))
        #expect(found.uplink.map(burst).sorted() == [2000, 3000, 6000, 7000])
        #expect(found.downlink.map(burst) == [4000])
        #expect(supplies(limiter, try subject("192.0.2.1")).uplink.map(burst) == [2000, 3000])
    }

    @Test func `a connection has one bucket of its line, and keeps it when lines change`() throws {
        let limiter = try limiter([("$$", rates(3000))])
        let (own, other) = (ConnectionShares(), ConnectionShares())
        let client = try subject("10.1.2.3")
        let first = try #require(supplies(limiter, client, shares: own).uplink.first)
        let again = try #require(supplies(limiter, client, shares: own).uplink.first)
        let foreign = try #require(supplies(limiter, client, shares: other).uplink.first)
        #expect(first === again)
        #expect(first !== foreign)
        _ = first.take(100, nowNanoseconds: 0)
        limiter.replace([(.eachConnection, rates(6000))], nowNanoseconds: 0)
        let changed = try #require(supplies(limiter, client, shares: own).uplink.first)
        #expect(changed === first)
        #expect(changed.take(1 << 40, nowNanoseconds: 0) == .bytes(50))
    }

    @Test func `the longest range decides, then $ip; the user's own line, then $user`() throws {
        let limiter = try limiter([
            ("$ip", rates(20)), ("10.0.0.0/8", rates(40)), ("10.1.0.0/16", rates(60)),
            ("10.1.2.3", rates(80)), ("2001:db8::/32", rates(100)), ("$user", rates(120)),
            ("user:alice", rates(140)),
        ])
        let cases: KeyValuePairs = [
            "10.1.2.3": 80, "10.1.2.4": 60, "10.2.0.1": 40, "192.0.2.1": 20, "2001:db8::1": 100,
            "2001:db9::1": 20,
        ]
        for (address, rate) in cases {
            #expect(
                supplies(limiter, try subject(address)).uplink.map(burst) == [rate], "\(address)")
        }
        #expect(
            supplies(limiter, try subject("10.1.2.3", "alice")).uplink.map(burst) == [80, 140])
        #expect(supplies(limiter, try subject("10.1.2.3", "bob")).uplink.map(burst) == [80, 120])
    }

    @Test func `connections of one address or user share a bucket, $$ is each one's own`() throws {
        let limiter = try limiter([
            ("$$", rates(20)), ("10.0.0.0/8", rates(40)), ("$user", rates(60)),
        ])
        let one = supplies(limiter, try subject("10.0.0.1", "alice")).uplink
        let other = supplies(limiter, try subject("10.0.0.1", "alice")).uplink
        #expect(one.count == 3)
        #expect(one[0] === other[0])
        #expect(one[1] === other[1])
        #expect(one[2] !== other[2])
        let third = supplies(limiter, try subject("10.0.0.2", "bob")).uplink
        for index in 0..<3 { #expect(one[index] !== third[index]) }
    }

    @Test func `a service may take only $, or all but $`() throws {
        let limiter = try limiter([("$", rates(20)), ("$$", rates(40)), ("$ip", rates(60))])
        let client = try subject("10.0.0.1")
        #expect(supplies(limiter, client, .service).uplink.map(burst) == [20])
        #expect(supplies(limiter, client, .connections).uplink.map(burst) == [60, 40])
    }

    @Test func `addresses at rest are forgotten, busy ones are not`() throws {
        let limiter = try limiter([("$ip", rates(1000))])
        let busy = supplies(limiter, try subject("192.0.2.1")).uplink[0]
        busy.changeUsers(by: 1)
        for number in 0..<10_000 {
            let address = IPAddress(v4: 0x0a00_0000 + UInt32(number))
            let found = supplies(
                limiter, LimitedSubject(address: address, user: nil),
                at: UInt64(number) * 10_000_000)
            _ = found
        }
        #expect(limiter.subjectCount < 3000)
        let again = supplies(limiter, try subject("192.0.2.1"), at: 200_000_000_000).uplink[0]
        #expect(again === busy)
    }

    @Test func `a change keeps what is in the buckets that are still wanted`() throws {
        let limiter = try limiter([("$", rates(1000)), ("user:alice", rates(2000))])
        let client = try subject("10.0.0.1", "alice")
        let before = supplies(limiter, client).uplink
        _ = before[0].take(1000, nowNanoseconds: 0)
        limiter.replace([(.everything, rates(4000))], nowNanoseconds: 0)
        let after = supplies(limiter, client).uplink
        #expect(after.count == 1)
        #expect(after[0] === before[0])
        guard case .later = after[0].take(1, nowNanoseconds: 0) else {
            Issue.record("what was taken came back with the change")
            return
        }
    }
}

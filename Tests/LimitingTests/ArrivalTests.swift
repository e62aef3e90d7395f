import Limiting
import Model
import Testing

@Suite("Limits of connections")
struct ArrivalTests {
    private let one = IPAddress(v4: 0x0a00_0001)
    private let other = IPAddress(v4: 0x0a00_0002)

    private func ticket(_ arrival: Arrival) -> ConnectionTicket? {
        if case .admitted(let ticket) = arrival { ticket } else { nil }
    }

    @Test func `as many come in as the lines allow, and a place is free when one has left`() {
        let limiter = ConnectionLimiter(name: "c", [(.everything, 3), (.eachAddress, 2)])
        var tickets = [limiter.admit(one), limiter.admit(one)].compactMap(ticket)
        #expect(tickets.count == 2)
        guard case .refused(let reason) = limiter.admit(one) else {
            Issue.record("a third connection of one address")
            return
        }
        #expect(reason == "climiter 'c' allows 2 connections of 10.0.0.1")
        tickets += [limiter.admit(other)].compactMap(ticket)
        guard case .refused(let full) = limiter.admit(other) else {
            Issue.record("a fourth connection")
            return
        }
        #expect(full == "climiter 'c' allows 3 connections")
        tickets.removeFirst()
        #expect(limiter.count == 2)
        #expect(ticket(limiter.admit(one)) != nil)
        tickets.removeAll()
        #expect(limiter.count == 0)
    }

    @Test func `an address' own line counts instead of everybody's`() throws {
        let range = try #require(IPPrefix("10.0.0.0/24"))
        let limiter = ConnectionLimiter(name: "c", [(.eachAddress, 1), (.addresses(range), 3)])
        let tickets = (0..<5).map { _ in limiter.admit(one) }.compactMap(ticket)
        #expect(tickets.count == 3)
        let far = (0..<5).map { _ in limiter.admit(IPAddress(v4: 1)) }.compactMap(ticket)
        #expect(far.count == 1)
    }

    @Test func `a change counts for those who come, and nobody leaves for it`() {
        let limiter = ConnectionLimiter(name: "c", [(.everything, 5)])
        let tickets = (0..<5).map { _ in limiter.admit(one) }.compactMap(ticket)
        limiter.replace([(.everything, 2)])
        #expect(tickets.count == 5)
        #expect(ticket(limiter.admit(one)) == nil)
        limiter.replace([(.everything, 6)])
        #expect(ticket(limiter.admit(one)) != nil)
    }

    @Test func `a rate lets a second's worth and one in at once, then evenly`() {
        let limiter = ArrivalLimiter(name: "r", [(.eachAddress, 4)])
        func admitted(_ address: IPAddress, at milliseconds: UInt64) -> Int {
            (0..<100).count { _ in
                limiter.refusal(of: address, nowNanoseconds: milliseconds * 1_000_000) == nil
            }
        }
        #expect(admitted(one, at: 0) == 5)
        #expect(admitted(one, at: 249) == 0)
        #expect(admitted(one, at: 250) == 1)
        #expect(admitted(one, at: 1250) == 4)
        #expect(admitted(other, at: 1250) == 5)
    }

    @Test func `a rate below one works, and a refusal costs no other limit`() {
        let limiter = ArrivalLimiter(name: "r", [(.everything, 0.5), (.eachAddress, 100)])
        #expect(limiter.refusal(of: one, nowNanoseconds: 0) == nil)
        for _ in 0..<1000 { #expect(limiter.refusal(of: one, nowNanoseconds: 1) != nil) }
        #expect(limiter.refusal(of: one, nowNanoseconds: 1_900_000_000) != nil)
        #expect(limiter.refusal(of: one, nowNanoseconds: 2_000_000_000) == nil)
    }
}

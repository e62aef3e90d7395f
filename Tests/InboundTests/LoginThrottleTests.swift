import Model
import Testing

@testable import Inbound

@Suite("The throttle of failed logins")
struct LoginThrottleTests {
    private static let client = IPAddress(v4: 0xcb00_7109)
    private static let second: UInt64 = 1_000_000_000
    private let throttle = LoginThrottle()

    private func fail(_ times: Int, _ client: IPAddress = client, _ user: String = "alice") {
        for _ in 0..<times { throttle.failed(client: client, user: user, nowNanoseconds: 0) }
    }

    private func delay(
        _ client: IPAddress = client, _ user: String = "alice", at nanoseconds: UInt64 = 0
    ) -> UInt64 {
        throttle.delayNanoseconds(client: client, user: user, nowNanoseconds: nanoseconds)
    }

    @Test func `a mistyped password costs nothing, guessing doubles the wait up to a bound`() {
        var delays: [UInt64] = []
        for _ in 0..<12 {
            delays.append(delay())
            fail(1)
        }
        #expect(delays[0...2].allSatisfy { $0 == 0 })
        for (earlier, later) in zip(delays[3...7], delays[4...8]) { #expect(later == 2 * earlier) }
        #expect(delays.max() == 8 * Self.second)
        #expect(delays == delays.sorted())
    }

    @Test func `a right login starts the pair afresh`() {
        fail(6)
        #expect(delay() > 0)
        throttle.succeeded(client: Self.client, user: "alice")
        #expect(delay() == 0)
    }

    @Test func `users from elsewhere are not made to wait`() {
        fail(20)
        #expect(delay(IPAddress(v4: 0xcb00_710a)) == 0)
    }

    @Test func `an address that tries many names waits, whatever the name`() {
        for number in 0..<20 { fail(1, Self.client, "user\(number)") }
        #expect(delay(Self.client, "somebody new") > 0)
        throttle.succeeded(client: Self.client, user: "user3")
        #expect(delay(Self.client, "somebody new") > 0, "one good account buys no guesses")
    }

    @Test func `an IPv6 client owns its network of 64 bits`() {
        fail(6, IPAddress(high: 0x2001_0db8_0000_0001, low: 1))
        #expect(delay(IPAddress(high: 0x2001_0db8_0000_0001, low: 0xffff)) > 0)
        #expect(delay(IPAddress(high: 0x2001_0db8_0000_0002, low: 1)) == 0)
    }

    @Test func `failures are forgotten after a while`() {
        fail(6)
        #expect(delay(at: 299 * Self.second) > 0)
        #expect(delay(at: 301 * Self.second) == 0)
        throttle.failed(client: Self.client, user: "alice", nowNanoseconds: 302 * Self.second)
        #expect(delay(at: 302 * Self.second) == 0, "it counts from one again")
    }

    @Test func `the table is bounded and keeps those that failed last`() {
        for number in 0..<(3 * Limits.trackedLogins) {
            throttle.failed(
                client: IPAddress(v4: UInt32(number)), user: "u", nowNanoseconds: UInt64(number))
        }
        let now = UInt64(3 * Limits.trackedLogins)
        for _ in 0..<3 { throttle.failed(client: Self.client, user: "u", nowNanoseconds: now) }
        #expect(delay(Self.client, "u", at: now) > 0)
        #expect(throttle.trackedCount <= Limits.trackedLogins + 2)
    }
}

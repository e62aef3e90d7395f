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
        let step = throttle.step(
            client: client, user: user, from: .door, nowNanoseconds: nanoseconds)
        switch step {
        case .check, .checkTrusted:
            return 0
        case .wait(let place, let delay):
            throttle.leave(client: client, from: place)
            return delay
        case .refuse:
            Issue.record("a login was refused")
            return 0
        }
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
        throttle.succeeded(client: Self.client, user: "alice", nowNanoseconds: 0)
        #expect(delay() == 0)
    }

    @Test func `users from elsewhere are not made to wait`() {
        fail(20)
        #expect(delay(IPAddress(v4: 0xcb00_710a)) == 0)
    }

    @Test func `an address that tries many names waits, whatever the name`() {
        for number in 0..<20 { fail(1, Self.client, "user\(number)") }
        #expect(delay(Self.client, "somebody new") > 0)
        throttle.succeeded(client: Self.client, user: "user3", nowNanoseconds: 0)
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

    // MARK: Side by side

    private func step(
        _ user: String = "alice", from place: LoginThrottle.Place = .door
    ) -> LoginThrottle.Step {
        throttle.step(client: Self.client, user: user, from: place, nowNanoseconds: 0)
    }

    @Test func `a pair's logins are checked two at a time until one is answered`() {
        #expect([step(), step()] == [.check, .check])
        for _ in 0..<Limits.queuedLoginsPerAddress {
            #expect(step() == .wait(.queue, nanoseconds: 20_000_000))
        }
        #expect(step() == .refuse)
        #expect(step("bob") == .check, "others do not stand in that queue")
        fail(1)
        #expect(step(from: .queue) == .check, "one place is free")
        fail(2)
        // Three have failed: whoever still stands in the queue waits like everybody.
        #expect(step(from: .queue) == .wait(.delay, nanoseconds: 250_000_000))
    }

    @Test func `an address's logins are checked ten at a time, whatever the names`() {
        for number in 0..<10 { #expect(step("user\(number)") == .check) }
        #expect(step("one more") == .wait(.queue, nanoseconds: 20_000_000))
    }

    @Test func `who was right lately does not queue`() {
        #expect(step() == .check)
        throttle.succeeded(client: Self.client, user: "alice", nowNanoseconds: 0)
        for _ in 0..<50 { #expect(step() == .checkTrusted) }
        #expect(step("bob") == .check, "and takes nobody's place")
        throttle.failed(
            client: Self.client, user: "alice", wasTrusted: true, nowNanoseconds: 0)
        #expect([step(), step()] == [.check, .check], "one failure ends the trust")
        #expect(step() == .wait(.queue, nanoseconds: 20_000_000))
    }

    @Test func `who gives up in the queue makes room`() {
        #expect([step(), step()] == [.check, .check])
        for _ in 0..<Limits.queuedLoginsPerAddress { _ = step() }
        #expect(step() == .refuse)
        throttle.leave(client: Self.client, from: .queue)
        #expect(step() == .wait(.queue, nanoseconds: 20_000_000))
    }

    @Test func `failures outlive successes when the table is full`() {
        fail(3)
        for number in 0..<(2 * Limits.trackedLogins) {
            throttle.succeeded(
                client: IPAddress(v4: UInt32(number)), user: "u", nowNanoseconds: UInt64(number))
        }
        #expect(delay() > 0)
        #expect(throttle.trackedCount <= Limits.trackedLogins)
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

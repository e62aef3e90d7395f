import Metering
import Model
import Testing

@Suite("Sessions of users")
struct SessionTableTests {
    private let table = SessionTable(idleMilliseconds: 60_000)

    private func begin(_ user: String, at moment: Int64, random: UInt64 = 1) -> SessionID? {
        var words = random
        return table.begin(user: user, nowMilliseconds: moment) {
            words += 1
            return words
        }
    }

    @Test func `all flows of a user that overlap have one session`() {
        let first = begin("alice", at: 0, random: 1)
        #expect(first != nil)
        #expect(begin("alice", at: 10_000_000, random: 2) == first)
        table.end(user: "alice", nowMilliseconds: 20_000_000)
        // The first flow is still open, however long ago the second ended.
        #expect(begin("alice", at: 90_000_000, random: 3) == first)
    }

    @Test func `users do not share sessions`() {
        #expect(begin("alice", at: 0, random: 1) != begin("bob", at: 0, random: 9))
    }

    @Test(arguments: [(59_999, true), (60_000, false), (600_000, false)] as [(Int64, Bool)])
    func `a session outlives its last flow by the idle time`(_ pause: Int64, isKept: Bool) {
        let first = begin("alice", at: 0, random: 1)
        table.end(user: "alice", nowMilliseconds: 5000)
        #expect((begin("alice", at: 5000 + pause, random: 100) == first) == isKept)
    }

    @Test func `an end counts for its own session only`() {
        _ = begin("alice", at: 0)
        let second = begin("alice", at: 1)
        table.end(user: "alice", nowMilliseconds: 2)
        table.end(user: "alice", nowMilliseconds: 3)
        table.end(user: "nobody", nowMilliseconds: 3)
        #expect(begin("alice", at: 60_002, random: 50) == second)
        table.end(user: "alice", nowMilliseconds: 60_002)
        let third = begin("alice", at: 120_002, random: 70)
        #expect(third != second)
        #expect(begin("alice", at: 900_000, random: 90) == third, "its flow is open")
    }

    @Test func `a session is a version 4 UUID`() throws {
        let text = try #require(begin("alice", at: 0, random: .max - 10)).description
        #expect(Array(text)[14] == "4")
        #expect("89ab".contains(Array(text)[19]))
    }

    @Test func `a clock that steps back does not end sessions`() {
        let first = begin("alice", at: 1_000_000, random: 1)
        table.end(user: "alice", nowMilliseconds: 1_000_000)
        #expect(begin("alice", at: 500_000, random: 9) == first)
    }
}

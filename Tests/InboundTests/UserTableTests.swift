import Crypto
import Inbound
import KernelTesting
import Testing

@Suite("Users that are replaced", .timeLimit(.minutes(5)))
struct UserTableTests {
    private func isIn(_ bench: InboundBench, _ user: String, _ password: String) throws -> Bool {
        let client = try bench.client()
        let bytes = bench.exchange(
            client, SOCKSBytes.loginGreeting + SOCKSBytes.credentials(user, password),
            milliseconds: 3000)
        return bytes == [5, 2, 1, 0]
    }

    @Test func `the new users hold, and what was proven before proves nothing`() throws {
        let cost = try #require(
            PasswordHash.Cost(logarithm: 4, blockSize: 1, parallelism: 1))
        let old = try PasswordHash(of: "old", cost: cost)
        let new = try PasswordHash(of: "new", cost: cost)
        let table = UserTable(
            ["alice": .hashed(old), "bob": .plain("b")], digest: try KeyedDigest())
        var service = InboundBench.Service()
        service.authers = [.table(table)]
        let bench = try InboundBench(service)
        #expect(try isIn(bench, "alice", "old"))
        #expect(try isIn(bench, "alice", "old"), "known by its digest")
        table.replace(["alice": .hashed(new), "carol": .plain("c")])
        #expect(try !isIn(bench, "alice", "old"))
        #expect(try isIn(bench, "alice", "new"))
        #expect(try !isIn(bench, "bob", "b"))
        #expect(try isIn(bench, "carol", "c"))
    }
}

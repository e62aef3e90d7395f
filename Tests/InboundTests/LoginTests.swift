import Crypto
import Inbound
import KernelTesting
import Loop
import Model
import PluginKit
import Testing

@Suite("Logins, RFC 1929 and authers in order", .timeLimit(.minutes(5)))
struct LoginTests {
    /// A bench whose plugins have a worker on the same simulation.
    private func bench(
        _ authers: [LoginGate.Auther], plugins: [StubPlugin] = [],
        throttle: LoginThrottle = LoginThrottle()
    ) throws -> InboundBench {
        // Plugins come behind the others, each with a worker of its own.
        let workers = WorkerBox()
        var service = InboundBench.Service()
        service.throttle = throttle
        service.authers =
            authers
            + plugins.map { plugin in
                .plugin(
                    PluginAuthenticator(
                        guid: "stub", authenticator: plugin, worker: workers.worker))
            }
        let bench = try InboundBench(service, workers: workers)
        _ = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        return bench
    }

    /// Logs in, asks for a connection and says what the login was answered.
    private func logIn(
        _ bench: InboundBench, _ user: String, _ password: String, milliseconds: UInt64 = 9000
    ) throws -> [UInt8] {
        let client = try bench.client()
        #expect(bench.exchange(client, SOCKSBytes.loginGreeting) == [5, 2])
        let answer = bench.exchange(
            client, SOCKSBytes.credentials(user, password), milliseconds: milliseconds)
        if answer == [1, 0] {
            _ = bench.exchange(client, SOCKSBytes.request(1, "203.0.113.70", 80))
        } else {
            #expect(client.hasEnded || answer.isEmpty)
        }
        return answer
    }

    @Test(arguments: [
        ("alice", "secret", true), ("alice", "Secret", false), ("alice", "", false),
        ("Alice", "secret", false), ("nobody", "secret", false), ("alice", "secret ", false),
        ("bob", "naïve 💧", true), ("bob", "nai\u{308}ve 💧", false),
    ])
    func `a table's users get in with their own password`(
        _ user: String, _ password: String, _ isRight: Bool
    ) throws {
        let bench = try bench([.users(["alice": "secret", "bob": "naïve 💧"])])
        #expect(try logIn(bench, user, password) == [1, isRight ? 0 : 1])
        #expect(bench.opened.map(\.user) == (isRight ? [user] : []))
    }

    @Test func `hashed passwords are checked`() throws {
        let cost = try #require(
            PasswordHash.Cost(logarithm: 4, blockSize: 1, parallelism: 1))
        let hash = try PasswordHash(of: "secret", cost: cost)
        let table = UserTable(["alice": .hashed(hash)], digest: try KeyedDigest())
        let bench = try bench([.table(table)])
        #expect(try logIn(bench, "alice", "secret") == [1, 0])
        #expect(try logIn(bench, "alice", "wrong") == [1, 1])
        #expect(try logIn(bench, "alice", "secret") == [1, 0])
        #expect(bench.opened.count == 2)
    }

    @Test func `malformed credentials are refused`() throws {
        let bench = try bench([.users(["alice": "secret"])])
        let client = try bench.client()
        _ = bench.exchange(client, SOCKSBytes.loginGreeting)
        #expect(bench.exchange(client, [9, 1, 97, 1, 98]) == [1, 1])
        #expect(client.hasEnded)
    }

    // MARK: Plugins

    @Test(arguments: [
        (AuthenticationAnswer.accepted(user: "billed"), true), (.refused, false),
        (.unknownUser, false),
    ])
    func `a plugin decides, and for whom`(
        _ answer: AuthenticationAnswer, _ isAccepted: Bool
    ) throws {
        let plugin = StubPlugin(.answers(answer))
        let bench = try bench([], plugins: [plugin])
        #expect(try logIn(bench, "carol", "pw") == [1, isAccepted ? 0 : 1])
        #expect(bench.opened.map(\.user) == (isAccepted ? ["billed"] : []))
        let attempt = try #require(plugin.attempts.first)
        #expect(attempt.username == "carol")
        #expect(attempt.password == "pw")
        #expect(attempt.service == "test")
    }

    @Test func `a plugin that throws refuses, and the log says so`() throws {
        let bench = try bench([], plugins: [StubPlugin(.throwsAnError)])
        #expect(try logIn(bench, "carol", "pw") == [1, 1])
        #expect(bench.lines.all.contains { $0.contains("plugin 'stub' failed") })
    }

    @Test func `a plugin that is slow refuses at its deadline, and its late answer is dropped`()
        throws
    {
        let plugin = StubPlugin(.isSlow)
        let bench = try bench([], plugins: [plugin])
        let client = try bench.client()
        _ = bench.exchange(client, SOCKSBytes.loginGreeting)
        #expect(bench.exchange(client, SOCKSBytes.credentials("c", "p"), milliseconds: 4900) == [])
        bench.simulation.run(milliseconds: 300)
        #expect(Array(client.received.dropFirst(2)) == [1, 1])
        plugin.release()
        bench.simulation.run(milliseconds: 3000)
        #expect(bench.opened.isEmpty)
        bench.expectRest()
    }

    @Test(arguments: [
        // The table knows the user: it decides, and nobody else is asked.
        ("alice", "secret", AuthenticationAnswer.refused, true, 0),
        ("alice", "wrong", .accepted(user: "alice"), false, 0),
        // It does not: the plugin is asked.
        ("carol", "pw", .accepted(user: "carol"), true, 1), ("carol", "pw", .refused, false, 1),
        ("carol", "pw", .unknownUser, false, 1),
    ])
    func `the first auther that knows the user decides`(
        _ user: String, _ password: String, _ answer: AuthenticationAnswer, _ isAccepted: Bool,
        _ asked: Int
    ) throws {
        let plugin = StubPlugin(.answers(answer))
        let bench = try bench([.users(["alice": "secret"])], plugins: [plugin])
        #expect(try logIn(bench, user, password) == [1, isAccepted ? 0 : 1])
        #expect(plugin.attempts.count == asked)
    }

    @Test func `an unknown user passes on from plugin to plugin, a refusal does not`() throws {
        let first = StubPlugin(.answers(.unknownUser))
        let second = StubPlugin(.answers(.accepted(user: "carol")))
        let bench = try bench([], plugins: [first, second])
        #expect(try logIn(bench, "carol", "pw") == [1, 0])
        first.manner = .answers(.refused)
        #expect(try logIn(bench, "carol", "pw") == [1, 1])
        #expect(second.attempts.count == 1)
        first.manner = .throwsAnError
        #expect(try logIn(bench, "carol", "pw") == [1, 1])
        #expect(second.attempts.count == 1, "a failure is no pass")
    }

    // MARK: Throttle

    @Test func `failed logins make the next ones wait, also right ones`() throws {
        let bench = try bench([.users(["alice": "secret"])])
        for _ in 0..<4 { #expect(try logIn(bench, "alice", "guess") == [1, 1]) }
        #expect(try logIn(bench, "alice", "secret", milliseconds: 200) == [])
        bench.simulation.run(milliseconds: 9000)
        #expect(try logIn(bench, "alice", "secret", milliseconds: 200) == [1, 0], "forgiven")
    }

    @Test func `somebody else's failures make nobody else wait`() throws {
        let bench = try bench([.users(["alice": "secret"])])
        for _ in 0..<6 { #expect(try logIn(bench, "alice", "guess") == [1, 1]) }
        let client = try bench.client(from: "198.18.7.7")
        _ = bench.exchange(client, SOCKSBytes.loginGreeting)
        #expect(bench.exchange(client, SOCKSBytes.credentials("alice", "secret")) == [1, 0])
    }

    @Test func `guesses side by side are checked two at a time, and then wait`() throws {
        let plugin = StubPlugin(.isSlow)
        let bench = try bench([], plugins: [plugin])
        let clients = try (0..<12).map { _ in try bench.client() }
        for (number, client) in clients.enumerated() {
            _ = bench.exchange(client, SOCKSBytes.loginGreeting, milliseconds: 1)
            client.send(SOCKSBytes.credentials("carol", "guess \(number)"))
        }
        bench.simulation.run(milliseconds: 1000)
        #expect(plugin.attempts.count == 2)
        plugin.manner = .answers(.refused)
        // The two slow ones run into their deadline, which is a refusal.
        bench.simulation.run(milliseconds: 30_000)
        let answers = clients.map { Array($0.received.dropFirst(2)) }
        #expect(answers.allSatisfy { $0 == [1, 1] })
        #expect(plugin.attempts.count < 9, "the rest was refused unchecked")
        plugin.release()
        bench.simulation.run(milliseconds: 100)
        bench.expectRest()
    }

    @Test func `a browser's connections side by side all get in`() throws {
        let plugin = StubPlugin(.answers(.accepted(user: "carol")))
        let bench = try bench([], plugins: [plugin])
        let clients = try (0..<60).map { _ in try bench.client() }
        for client in clients { client.send(SOCKSBytes.loginGreeting) }
        bench.simulation.run(milliseconds: 10)
        for client in clients { client.send(SOCKSBytes.credentials("carol", "pw")) }
        bench.simulation.run(milliseconds: 500)
        #expect(clients.allSatisfy { Array($0.received) == [5, 2, 1, 0] })
        #expect(plugin.attempts.count == 60)
    }
}

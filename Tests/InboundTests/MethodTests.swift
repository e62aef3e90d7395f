import Inbound
import KernelTesting
import Model
import Testing

@Suite("SOCKS5 methods and early ends, RFC 1928 §3", .timeLimit(.minutes(5)))
struct MethodTests {
    /// A service with or without users.
    private func bench(hasUsers: Bool, seed: UInt64 = 1) throws -> InboundBench {
        var service = InboundBench.Service()
        if hasUsers { service.authers = [try .users(["alice": "secret"])] }
        let bench = try InboundBench(service, seed: seed)
        _ = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        return bench
    }

    @Test(
        arguments: [
            (false, [0], 0), (false, [2, 0], 0), (false, [0x80, 0x82, 0, 1], 0), (false, [2], 0xff),
            (false, [1], 0xff), (true, [2], 2), (true, [0, 2], 2), (true, [0x82, 0x80, 2], 2),
            (true, [0], 0xff), (true, [0, 1, 0x80], 0xff),
        ] as [(Bool, [UInt8], UInt8)])
    func `the method is one that was offered and fits, or none`(
        _ hasUsers: Bool, _ offered: [UInt8], _ chosen: UInt8
    ) throws {
        let bench = try bench(hasUsers: hasUsers)
        let client = try bench.client()
        #expect(bench.exchange(client, [5, UInt8(offered.count)] + offered) == [5, chosen])
        #expect(client.hasEnded == (chosen == 0xff))
        client.close()
        bench.simulation.run(milliseconds: 3000)
        bench.expectRest()
    }

    @Test func `SOCKS4 does not pass where a password is asked for`() throws {
        let bench = try bench(hasUsers: true)
        let client = try bench.client()
        let answer = bench.exchange(client, [4, 1, 0, 80, 203, 0, 113, 70] + Array("alice\0".utf8))
        #expect(answer.prefix(2) == [0, 91])
        #expect(bench.opened.isEmpty)
    }

    @Test func `exempt clients need no password`() throws {
        var service = InboundBench.Service()
        service.authers = [try .users(["alice": "secret"])]
        service.exempt = [try #require(IPPrefix("203.0.113.0/24"))]
        let bench = try InboundBench(service)
        #expect(bench.exchange(try bench.client(), [5, 1, 0]) == [5, 0])
        #expect(bench.exchange(try bench.client(from: "198.18.0.1"), [5, 1, 0]) == [5, 0xff])
    }

    // MARK: Every prefix

    /// How a client leaves.
    enum Leaving: String, CaseIterable {
        case ends, resets, isSilent
    }

    private static let conversations: [(name: String, bytes: [UInt8])] = [
        (
            "CONNECT with a password",
            SOCKSBytes.loginGreeting + SOCKSBytes.credentials("alice", "secret")
                + SOCKSBytes.request(1, "203.0.113.70", 80)
        ),
        (
            "CONNECT to a name",
            SOCKSBytes.loginGreeting + SOCKSBytes.credentials("alice", "secret")
                + SOCKSBytes.request(1, name: "nobody.example", 80)
        ),
        (
            "ASSOCIATE",
            SOCKSBytes.loginGreeting + SOCKSBytes.credentials("alice", "secret")
                + SOCKSBytes.request(3, "0.0.0.0", 0)
        ),
        (
            "BIND",
            SOCKSBytes.loginGreeting + SOCKSBytes.credentials("alice", "secret")
                + SOCKSBytes.request(2, "203.0.113.70", 80)
        ),
        ("SOCKS4a", [4, 1, 0, 80, 0, 0, 0, 9] + Array("me\0nobody.example\0".utf8)),
    ]

    @Test(arguments: conversations.indices, Leaving.allCases)
    func `a conversation that stops anywhere leaves nothing behind`(
        _ conversation: Int, _ leaving: Leaving
    ) throws {
        let (name, bytes) = Self.conversations[conversation]
        let bench = try bench(hasUsers: true)
        for count in 0...bytes.count {
            let client = try bench.client()
            client.send(bytes[..<count])
            bench.simulation.run(milliseconds: 20)
            switch leaving {
            case .ends: client.finish()
            case .resets: client.reset()
            case .isSilent: break
            }
            bench.simulation.run(milliseconds: leaving == .isSilent ? 1 : 2000)
            if leaving == .ends { client.close() }
        }
        // Whole conversations that are silent are open flows and associations: cut them.
        bench.simulation.run(milliseconds: 40_000)
        bench.simulation.onLoop { _ in bench.station.cutAll() }
        bench.simulation.run(milliseconds: 2000)
        bench.expectRest("\(name), the client \(leaving.rawValue)")
        #expect(bench.opened.count == bench.closed.count)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `garbage of any kind leaves nothing behind`(_ seed: UInt64) throws {
        let bench = try bench(hasUsers: seed % 2 == 0, seed: seed)
        bench.simulation.kernel.faults = .swarm(seed: seed, lossy: true)
        var random = SystemlessRandom(seed: seed)
        for _ in 0..<20 {
            guard let client = try? bench.client() else { continue }
            var bytes = Self.conversations[Int(random.next() % 5)].bytes
            for _ in 0..<random.next() % 4 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(
                    truncatingIfNeeded: random.next())
            }
            for byte in bytes {
                client.send([byte])
                if random.next() % 8 == 0 { bench.simulation.run(milliseconds: random.next() % 50) }
            }
            if random.next() % 2 == 0 { client.finish() }
        }
        bench.simulation.run(milliseconds: 30_000)
        bench.simulation.kernel.faults = .none
        bench.simulation.onLoop { _ in bench.station.cutAll() }
        bench.simulation.run(milliseconds: 5000)
        bench.expectRest("seed \(seed)")
        #expect(bench.opened.count == bench.closed.count, "seed \(seed)")
    }

    /// Numbers that follow from a seed.
    private struct SystemlessRandom {
        var state: UInt64

        init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state >> 11
        }
    }
}

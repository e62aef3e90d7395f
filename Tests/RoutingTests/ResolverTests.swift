import KernelTesting
import Model
import Routing
import Testing

@Suite("A loop's resolver", .timeLimit(.minutes(5)))
struct ResolverTests {
    private static let records = [
        "one.example": ["203.0.113.1"],
        "both.example": ["203.0.113.2", "203.0.113.3", "2001:db8::2"],
        "six.example": ["2001:db8::6"],
    ]

    /// A bench whose network has servers at 192.0.2.53, .54, ….
    private func bench(
        _ manners: [SimulatedNameServer.Manner] = [.answers],
        families: AddressFamilies = .preferV4, hosts: HostsTable = HostsTable(),
        lifetime: AnswerCache.Lifetime = .ofAnswer, answersStale: Bool = false,
        clientSubnet: IPPrefix? = nil
    ) throws -> (ResolverBench, [SimulatedNameServer]) {
        let addresses = manners.indices.map {
            Endpoint(IPAddress(v4: 0xc000_0235 + UInt32($0)), 53)
        }
        var plan = NameQueryPlan(servers: addresses.map { NameServer($0) })
        plan.families = families
        plan.timeoutNanoseconds = 1_000_000_000
        plan.attempts = 1
        plan.clientSubnet = clientSubnet
        let bench = try ResolverBench(
            hosts: hosts, sources: [Resolver.Source(.servers(plan), families: families)],
            lifetime: lifetime, answersStale: answersStale)
        let servers = try zip(manners, addresses).map { manner, endpoint in
            let server = try SimulatedNameServer(
                bench.simulation.peer("\(endpoint.address)"), records: Self.records)
            server.manner = manner
            return server
        }
        return (bench, servers)
    }

    @Test func `an old answer is given at once where that is wanted, and asked for anew`() throws {
        let (bench, servers) = try bench(answersStale: true)
        let server = servers[0]
        server.records["a.example"] = [try #require(IPAddress("192.0.2.1"))]
        #expect(bench.resolve("a.example") == "192.0.2.1")
        server.records["a.example"] = [try #require(IPAddress("192.0.2.2"))]
        bench.simulation.run(milliseconds: 61_000)
        server.manner = .silent
        #expect(bench.resolve("a.example") == "192.0.2.1", "nobody waits for the server")
        bench.simulation.run(milliseconds: 30_000)
        server.manner = .answers
        #expect(bench.resolve("a.example") == "192.0.2.1")
        bench.simulation.run(milliseconds: 100)
        #expect(bench.resolve("a.example") == "192.0.2.2")
        server.manner = .silent
        bench.simulation.run(milliseconds: 2 * 86_400_000)
        #expect(bench.resolve("a.example") == "timedOut", "two days are too old")
    }

    @Test func `servers are told the subnet that is configured`() throws {
        let subnet = try #require(IPPrefix("198.51.100.0/24"))
        let (bench, servers) = try bench([.fails(2), .truncates], clientSubnet: subnet)
        #expect(bench.resolve("one.example") == "203.0.113.1")
        for server in servers {
            #expect(!server.subnets.isEmpty && server.subnets.allSatisfy { $0 == subnet })
        }
    }

    @Test(arguments: [
        (AddressFamilies.preferV4, "203.0.113.2 2001:db8::2 203.0.113.3"),
        (.preferV6, "2001:db8::2 203.0.113.2 203.0.113.3"),
        (.onlyV4, "203.0.113.2 203.0.113.3"), (.onlyV6, "2001:db8::2"),
    ])
    func `families come in turns, the preferred one first`(
        _ families: AddressFamilies, _ expected: String
    ) throws {
        let (bench, servers) = try bench(families: families)
        #expect(bench.resolve("both.example") == expected)
        let isSingle = families == .onlyV4 || families == .onlyV6
        #expect(servers[0].asked.count == (isSingle ? 1 : 2))
        bench.finish()
    }

    @Test func `a truncated answer is asked for again over TCP`() throws {
        let (bench, servers) = try bench([.truncates])
        #expect(bench.resolve("one.example") == "203.0.113.1")
        #expect(servers[0].count(" A tcp") >= 1)
        bench.finish()
    }

    @Test(arguments: [
        SimulatedNameServer.Manner.silent, .fails(2), .fails(5), .truncatesAndCloses, .mistakes,
    ])
    func `the next server is asked when one is of no help`(
        _ manner: SimulatedNameServer.Manner
    ) throws {
        let (bench, servers) = try bench([manner, .answers])
        #expect(bench.resolve("one.example") == "203.0.113.1")
        #expect(!servers[1].asked.isEmpty)
        bench.finish()
    }

    @Test func `an unreachable server costs nothing but the attempt`() throws {
        let (bench, servers) = try bench([.answers, .answers])
        bench.simulation.kernel.routes[servers[0].endpoint.address] = .missing
        #expect(bench.resolve("one.example", limitMilliseconds: 900) == "203.0.113.1")
        #expect(servers[0].asked.isEmpty)
        bench.finish()
    }

    @Test func `silence of all servers is a timeout, refusal by all a server failure`() throws {
        let (silent, _) = try bench([.silent, .silent])
        #expect(silent.resolve("one.example") == "timedOut")
        silent.finish()
        let (failing, _) = try bench([.fails(2), .fails(2)])
        #expect(failing.resolve("one.example") == "serverFailure")
        failing.finish()
    }

    @Test func `failures are not remembered`() throws {
        let (bench, servers) = try bench([.fails(2)])
        #expect(bench.resolve("one.example") == "serverFailure")
        servers[0].manner = .answers
        #expect(bench.resolve("one.example") == "203.0.113.1")
    }

    @Test func `an absent name is remembered as long as its zone says`() throws {
        let (bench, servers) = try bench()
        servers[0].absenceSeconds = 30
        #expect(bench.resolve("nobody.example") == "notFound")
        let asked = servers[0].asked.count
        servers[0].records["nobody.example"] = [IPAddress(v4: 0xcb00_7109)]
        bench.simulation.run(milliseconds: 29_000)
        #expect(bench.resolve("nobody.example") == "notFound")
        #expect(servers[0].asked.count == asked)
        bench.simulation.run(milliseconds: 2000)
        #expect(bench.resolve("nobody.example") == "203.0.113.9")
    }

    @Test func `an answer is remembered for its lifetime, in any capitals`() throws {
        let (bench, servers) = try bench()
        servers[0].lifetimeSeconds = 60
        servers[0].absenceSeconds = 60
        #expect(bench.resolve("one.example") == "203.0.113.1")
        let asked = servers[0].asked.count
        bench.simulation.run(milliseconds: 59_000)
        #expect(bench.resolve("ONE.example") == "203.0.113.1")
        #expect(servers[0].asked.count == asked)
        bench.simulation.run(milliseconds: 2000)
        #expect(bench.resolve("one.example") == "203.0.113.1")
        #expect(servers[0].asked.count == 2 * asked)
    }

    @Test func `without a cache every question is asked`() throws {
        let (bench, servers) = try bench(lifetime: AnswerCache.Lifetime.none)
        _ = bench.resolve("one.example")
        _ = bench.resolve("one.example")
        #expect(servers[0].count(" A udp") == 2)
    }

    @Test func `a question that many wait for is asked once`() throws {
        let (bench, servers) = try bench()
        bench.simulation.kernel.latencyNanoseconds = 20_000_000...20_000_000
        for name in ["one.example", "One.Example", "one.example", "ONE.EXAMPLE"] { bench.ask(name) }
        _ = bench.simulation.run { bench.outcomes.count == 4 }
        #expect(bench.outcomes.allSatisfy { $0.hasSuffix("203.0.113.1") })
        #expect(servers[0].count(" A udp") == 1)
        bench.finish()
    }

    @Test func `each who waits has a deadline of its own`() throws {
        let (bench, _) = try bench([.silent, .answers])
        bench.ask("one.example", limitMilliseconds: 300)
        bench.ask("one.example", limitMilliseconds: 5000)
        bench.simulation.run(milliseconds: 400)
        #expect(bench.outcomes == ["one.example timedOut"])
        bench.simulation.run(milliseconds: 3000)
        #expect(bench.outcomes == ["one.example timedOut", "one.example 203.0.113.1"])
        bench.finish()
    }

    @Test func `written-down hosts come before servers`() throws {
        var hosts = HostsTable()
        hosts.add(IPAddress(v4: 0x0a00_0001), names: ["one.example"])
        let (bench, servers) = try bench(hosts: hosts)
        #expect(bench.resolve("one.example") == "10.0.0.1")
        #expect(servers[0].asked.isEmpty)
        #expect(bench.resolve("six.example") == "2001:db8::6")
        bench.finish()
    }

    @Test func `too many questions at a time are refused and the rest is answered`() throws {
        let (bench, _) = try bench([.silent], families: .onlyV4)
        for number in 0..<Limits.queriesInFlight { bench.ask("n\(number).example") }
        #expect(bench.resolve("one.more.example") == "overloaded")
        bench.finish()
        #expect(bench.outcomes.count == Limits.queriesInFlight + 1)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `whatever the network does, every question ends and nothing stays open`(
        _ seed: UInt64
    ) throws {
        let first = Endpoint(IPAddress(v4: 0xc000_0235), 53)
        let plan = NameQueryPlan(servers: [NameServer(first), NameServer(first, .tcp)])
        let bench = try ResolverBench(
            sources: [Resolver.Source(.servers(plan))], seed: seed,
            faults: .swarm(seed: seed, lossy: true))
        bench.simulation.kernel.latencyNanoseconds = 0...30_000_000
        let server = try SimulatedNameServer(
            bench.simulation.peer("192.0.2.53"), records: Self.records)
        if seed % 3 == 0 { server.manner = .truncates }
        for number in 0..<20 {
            bench.ask(number % 2 == 0 ? "both.example" : "n\(number).example")
            bench.simulation.run(milliseconds: 40)
        }
        bench.finish()
        #expect(bench.outcomes.count == 20)
    }
}

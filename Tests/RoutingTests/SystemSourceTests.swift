import KernelTesting
import Model
import Routing
import Synchronization
import Testing

@Suite("Names resolved as the system does", .timeLimit(.minutes(5)))
struct SystemSourceTests {
    private func bench() throws -> (ResolverBench, SimulatedNameServer) {
        let bench = try ResolverBench(lifetime: AnswerCache.Lifetime.none)
        let server = try SimulatedNameServer(
            bench.simulation.peer("192.0.2.53"),
            records: ["one.example": ["203.0.113.1"], "host.corp.example": ["203.0.113.7"]])
        return (bench, server)
    }

    @Test func `the hosts file comes before its name servers`() throws {
        let (bench, server) = try bench()
        bench.files.texts.withLock { $0.hosts = "10.9.8.7 one.example\n" }
        #expect(bench.resolve("one.example") == "10.9.8.7")
        #expect(server.asked.isEmpty)
    }

    @Test func `resolv.conf says which servers and domains`() throws {
        let (bench, server) = try bench()
        bench.files.texts.withLock { $0.resolver += "search corp.example\n" }
        #expect(bench.resolve("host") == "203.0.113.7")
        #expect(server.asked.contains("host.corp.example A udp"))
    }

    @Test func `changed files are read again after a while, not for every name`() throws {
        let (bench, _) = try bench()
        #expect(bench.resolve("one.example") == "203.0.113.1")
        #expect(bench.resolve("one.example") == "203.0.113.1")
        #expect(bench.files.texts.withLock { $0.reads } == 1)
        bench.files.texts.withLock { $0.hosts = "10.9.8.7 one.example\n" }
        bench.simulation.run(milliseconds: 6000)
        #expect(bench.resolve("one.example") == "10.9.8.7")
        #expect(bench.files.texts.withLock { $0.reads } == 2)
    }

    @Test(arguments: [
        ("hosts: files dns", "one.example", false),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns", "one.example", false),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns", "printer.local", true),
        ("hosts: files myhostname dns", "one.example", false),
        ("hosts: files myhostname dns", "thismachine", true),
        ("hosts: files resolve [!UNAVAIL=return] dns", "one.example", true),
        ("hosts: files ldap dns", "one.example", true),
    ])
    func `the C library is asked only where it alone knows`(
        _ nameServices: String, _ name: String, _ asks: Bool
    ) throws {
        let (bench, server) = try bench()
        bench.files.texts.withLock { texts in
            texts.nameServices = nameServices + "\n"
            texts.library = [name: [IPAddress(v4: 0x0a01_0203)]]
        }
        let found = bench.resolve(name)
        #expect(bench.files.texts.withLock { $0.libraryAsked } == (asks ? [name] : []))
        #expect(server.asked.isEmpty == asks)
        #expect((found == "10.1.2.3") == asks)
        bench.finish()
    }

    @Test func `a name that the library does not know has no address`() throws {
        let (bench, _) = try bench()
        bench.files.texts.withLock { $0.nameServices = "hosts: files ldap\n" }
        #expect(bench.resolve("nobody.example") == "notFound")
    }

    @Test func `the next source is asked when the system's servers fail`() throws {
        let second = Endpoint(IPAddress(v4: 0xc000_0236), 53)
        let plan = NameQueryPlan(servers: [NameServer(second)])
        let bench = try ResolverBench(
            sources: [Resolver.Source(.system), Resolver.Source(.servers(plan))])
        let first = try SimulatedNameServer(bench.simulation.peer("192.0.2.53"))
        first.manner = .fails(2)
        _ = try SimulatedNameServer(
            bench.simulation.peer("192.0.2.54"), records: ["one.example": ["203.0.113.1"]])
        #expect(bench.resolve("one.example") == "203.0.113.1")
        bench.finish()
    }

    @Test func `an absent name is not asked of the next source`() throws {
        let second = Endpoint(IPAddress(v4: 0xc000_0236), 53)
        let plan = NameQueryPlan(servers: [NameServer(second)])
        let bench = try ResolverBench(
            sources: [Resolver.Source(.system), Resolver.Source(.servers(plan))])
        _ = try SimulatedNameServer(bench.simulation.peer("192.0.2.53"))
        let other = try SimulatedNameServer(
            bench.simulation.peer("192.0.2.54"), records: ["one.example": ["203.0.113.1"]])
        #expect(bench.resolve("one.example") == "notFound")
        #expect(other.asked.isEmpty)
        bench.finish()
    }
}

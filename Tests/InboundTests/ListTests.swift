import Codecs
import Inbound
import KernelTesting
import Loop
import Model
import Routing
import Testing

@Suite("Admissions and bypasses of a service", .timeLimit(.minutes(5)))
struct ListTests {
    private static let origin = "203.0.113.70"

    private func patterns(_ texts: [String]) throws -> Published<PatternSet> {
        Published(PatternSet(try texts.map { try HostPattern($0) }))
    }

    private func bench(
        admissions: [AdmissionList] = [], bypasses: [BypassList] = []
    ) throws -> InboundBench {
        var service = InboundBench.Service()
        service.clients = AdmissionGroup(admissions)
        service.bypasses = BypassGroup(bypasses)
        let bench = try InboundBench(service)
        _ = try bench.simulation.peer(Self.origin).listen(port: 80)
        return bench
    }

    private func bypass(
        _ texts: String..., whitelist: Bool = false, transport: TransportProtocol? = nil
    ) throws -> BypassList {
        BypassList(
            name: "list", isWhitelist: whitelist, transport: transport,
            patterns: try patterns(texts))
    }

    private func connect(_ bench: InboundBench, _ request: [UInt8]) throws -> SOCKS5.Reply.Code? {
        let client = try bench.client()
        let bytes = bench.exchange(client, SOCKSBytes.greeting + request, milliseconds: 500)
        return SOCKSBytes.reply(Array(bytes.dropFirst(2)))?.code
    }

    // MARK: Admissions

    @Test func `a client that is not let in hears nothing, and many are said once`() throws {
        let list = AdmissionList(
            name: "friends", isWhitelist: true,
            patterns: try patterns(["203.0.113.9", "10.0.0.0/8"]))
        let bench = try bench(admissions: [list])
        let stranger = try bench.client(from: "203.0.113.8")
        #expect(bench.exchange(stranger, SOCKSBytes.greeting).isEmpty)
        #expect(stranger.hasEnded || stranger.error != nil)
        for _ in 0..<20 { _ = try bench.client(from: "203.0.113.8") }
        bench.simulation.run(milliseconds: 100)
        #expect(bench.lines.all.count { $0.hasPrefix("client refused") } == 1)
        bench.expectRest()
        #expect(
            try connect(bench, SOCKSBytes.request(1, Self.origin, 80)) == .succeeded)
    }

    @Test func `all admissions must let a client in`() throws {
        let everybody = AdmissionList(name: "a", isWhitelist: true, patterns: try patterns(["*"]))
        let not9 = try patterns(["203.0.113.9"])
        let others = AdmissionList(name: "b", isWhitelist: false, patterns: not9)
        let bench = try bench(admissions: [everybody, others])
        let client = try bench.client()
        #expect(bench.exchange(client, SOCKSBytes.greeting).isEmpty)
        let other = try bench.client(from: "203.0.113.10")
        #expect(bench.exchange(other, SOCKSBytes.greeting) == SOCKSBytes.open)
        not9.publish(.empty)
        let late = try bench.client()
        #expect(bench.exchange(late, SOCKSBytes.greeting) == SOCKSBytes.open)
    }

    @Test func `behind a load balancer the client is asked about that its header names`() throws {
        var service = InboundBench.Service()
        service.introducers = Introducers(in: nil)
        service.clients = AdmissionGroup([
            AdmissionList(
                name: "foes", isWhitelist: false, patterns: try patterns(["192.0.2.1"]))
        ])
        let bench = try InboundBench(service)
        for (host, isLetIn) in [("192.0.2.1", false), ("192.0.2.2", true)] {
            let client = try bench.client()
            let header = "PROXY TCP4 \(host) 198.51.100.1 1234 1080\r\n"
            let answer = bench.exchange(client, Array(header.utf8) + SOCKSBytes.greeting)
            #expect(answer == (isLetIn ? SOCKSBytes.open : []))
        }
    }

    // MARK: Bypasses

    @Test func `a listed destination is not allowed, by address, name, and where a name leads`()
        throws
    {
        let list = try bypass("203.0.113.64/28:80", ".hidden.example")
        let bench = try bench(bypasses: [list])
        bench.names.addresses["open.example"] = [try #require(IPAddress(Self.origin))]
        bench.names.addresses["x.hidden.example"] = [try #require(IPAddress("203.0.113.99"))]
        #expect(try connect(bench, SOCKSBytes.request(1, Self.origin, 80)) == .notAllowed)
        #expect(try connect(bench, SOCKSBytes.request(1, Self.origin, 81)) == .connectionRefused)
        for name in ["open.example", "x.hidden.example", "HIDDEN.Example."] {
            #expect(
                try connect(bench, SOCKSBytes.request(1, name: name, 80)) == .notAllowed, "\(name)")
        }
        #expect(bench.lines.all.contains { $0.hasSuffix("not allowed: bypass 'list'") })
    }

    @Test func `a whitelist leaves what it lists, as it was asked for`() throws {
        let bench = try bench(bypasses: [try bypass("*.example", whitelist: true)])
        bench.names.addresses["open.example"] = [try #require(IPAddress(Self.origin))]
        #expect(
            try connect(bench, SOCKSBytes.request(1, name: "open.example", 80)) == .succeeded)
        #expect(try connect(bench, SOCKSBytes.request(1, Self.origin, 80)) == .notAllowed)
    }

    @Test func `one of several whitelists is enough, and one blacklist too`() throws {
        let (one, two) = (
            try bypass("203.0.113.70", whitelist: true), try bypass("192.0.2.1", whitelist: true)
        )
        let request = SOCKSBytes.request(1, Self.origin, 80)
        #expect(try connect(try bench(bypasses: [two]), request) == .notAllowed)
        #expect(try connect(try bench(bypasses: [one, two]), request) == .succeeded)
        let black = try bypass("*:80")
        #expect(try connect(try bench(bypasses: [one, two, black]), request) == .notAllowed)
        let other = try bypass("*:80", transport: .udp)
        #expect(try connect(try bench(bypasses: [one, other]), request) == .succeeded)
    }

    @Test func `datagrams to a listed destination are dropped`() throws {
        let bench = try bench(bypasses: [try bypass("*:53", transport: .udp)])
        var received: [[UInt8]] = []
        let peer = bench.simulation.peer(Self.origin)
        let open = try peer.bindDatagrams(port: 54) { received.append($1.bytes) }
        let listed = try peer.bindDatagrams(port: 53) { received.append($1.bytes) }
        let association = try Association(bench)
        association.send([1], to: listed.endpoint)
        association.send([2], to: open.endpoint)
        bench.simulation.run(milliseconds: 100)
        #expect(received == [[2]])
        #expect(bench.opened.count == 1)
    }
}

import Bytes
import Codecs
import Inbound
import KernelTesting
import Loop
import Model
import Routing
import Testing

@Suite("PROXY headers, in and out", .timeLimit(.minutes(5)))
final class ProxyProtocolTests {
    private var origin: PeerListener?
    private static let line = "PROXY TCP4 198.51.100.7 198.51.100.1 4711 1080\r\n"

    private func bench(
        _ introducers: Introducers?, introducing: ProxyProtocol.Version? = nil,
        handler: HandlerSettings? = nil, authers: [LoginGate.Auther] = [],
        exempt: [IPPrefix] = []
    ) throws -> InboundBench {
        var service = InboundBench.Service()
        if let handler { service.handler = handler }
        service.authers = authers
        service.exempt = exempt
        service.introducers = introducers
        service.introducing = introducing
        let bench = try InboundBench(service)
        origin = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        return bench
    }

    private var forward: HandlerSettings {
        .forward(
            TargetList(
                [Destination(Endpoint(IPAddress(v4: 0xcb00_7146), 80))], strategy: .fifo,
                maxFails: 1, failTimeoutMilliseconds: 10_000))
    }

    private func connect(_ bench: InboundBench, behind header: [UInt8]) throws -> PeerStream {
        let client = try bench.client()
        client.send(
            header + SOCKSBytes.greeting + SOCKSBytes.request(1, "203.0.113.70", 80))
        bench.simulation.run(milliseconds: 200)
        return client
    }

    @Test func `the client is whom the header names, and the header is overhead`() throws {
        let bench = try bench(Introducers(in: nil))
        let client = try connect(bench, behind: Array(Self.line.utf8))
        #expect(SOCKSBytes.reply(Array(client.received.dropFirst(2)))?.code == .succeeded)
        client.send("hello")
        bench.simulation.run(milliseconds: 200)
        client.reset()
        bench.simulation.run(milliseconds: 200)
        let flow = try #require(bench.closed.first)
        #expect(flow.flow.client.description == "198.51.100.7:4711")
        #expect(flow.counts.uplinkBytes == 5)
        #expect(flow.counts.overheadUplinkBytes == UInt64(Self.line.utf8.count + 13))
        bench.expectRest()
    }

    @Test func `a binary header that comes byte by byte is understood`() throws {
        let bench = try bench(Introducers(in: nil))
        let header = ProxyProtocol.Header.relayed(
            source: try #require(Endpoint("[2001:db8::7]:4711")),
            destination: try #require(Endpoint("[2001:db8::1]:1080")))
        let client = try bench.client()
        for byte in [UInt8](capacity: 107, writing: { header.encode(.binary, into: &$0) }) {
            client.send([byte])
            bench.simulation.run(milliseconds: 5)
        }
        client.send(SOCKSBytes.greeting + SOCKSBytes.request(1, "203.0.113.70", 80))
        bench.simulation.run(milliseconds: 200)
        #expect(bench.opened.first?.client.description == "[2001:db8::7]:4711")
    }

    @Test(arguments: ["PROXY UNKNOWN\r\n", ""])
    func `a header that names nobody, and none, leave the client as it is`(header: String) throws {
        let bench = try bench(Introducers(in: nil))
        let client = try connect(bench, behind: Array(header.utf8))
        #expect(bench.opened.first?.client == client.local)
    }

    @Test func `logins are asked of whom the header names`() throws {
        let users = try LoginGate.Auther.users(["alice": "secret"])
        let exempt = try #require(IPPrefix("198.51.100.0/24"))
        let bench = try bench(Introducers(in: nil), authers: [users], exempt: [exempt])
        let named = try connect(bench, behind: Array(Self.line.utf8))
        #expect(Array(named.received.prefix(2)) == SOCKSBytes.open)
        let unnamed = try connect(bench, behind: [])
        #expect(Array(unnamed.received.prefix(2)) == [5, 0xff])
    }

    @Test func `from elsewhere a header is bytes like others`() throws {
        let trusted = try #require(IPPrefix("192.0.2.0/24"))
        let bench = try bench(Introducers(in: [trusted]))
        let client = try connect(bench, behind: Array(Self.line.utf8))
        #expect(client.hasEnded || client.error != nil)
        #expect(bench.opened.isEmpty)
        let near = try bench.simulation.peer("192.0.2.9").connect(to: InboundBench.address)
        near.send(
            Array(Self.line.utf8) + SOCKSBytes.greeting
                + SOCKSBytes.request(1, "203.0.113.70", 80))
        bench.simulation.run(milliseconds: 200)
        #expect(bench.opened.first?.client.description == "198.51.100.7:4711")
    }

    @Test func `nobody becomes a client of this machine by a header`() throws {
        let bench = try bench(Introducers(in: nil))
        let client = try connect(
            bench, behind: Array("PROXY TCP4 127.0.0.1 127.0.0.1 4711 1080\r\n".utf8))
        #expect(bench.opened.first?.client == client.local)
    }

    @Test(arguments: ["PROXY TCP4 garbage\r\n", "PROXY", ""])
    func `a header that is wrong or does not come in time closes`(header: String) throws {
        let bench = try bench(Introducers(in: nil))
        let client = try bench.client()
        client.send(header)
        bench.simulation.run(milliseconds: 11_000)
        #expect(client.hasEnded || client.error != nil)
        #expect(bench.lines.all.count { $0.hasPrefix("handshake failed") } == 1)
        bench.expectRest()
    }

    @Test func `bytes that drip in do not extend the header's time`() throws {
        let bench = try bench(Introducers(in: nil))
        let client = try bench.client()
        for byte in Array(Self.line.utf8).prefix(12) {
            client.send([byte])
            bench.simulation.run(milliseconds: 1000)
        }
        #expect(client.hasEnded || client.error != nil)
    }

    @Test(arguments: ProxyProtocol.Version.allCases)
    func `a target is told first who the client is`(version: ProxyProtocol.Version) throws {
        let bench = try bench(nil, introducing: version, handler: forward)
        let client = try bench.client()
        client.send("hello")
        bench.simulation.run(milliseconds: 200)
        let received = try #require(origin?.connections.first?.received)
        let header = ProxyProtocol.Header.relayed(
            source: client.local, destination: InboundBench.address)
        let expected = [UInt8](capacity: 107) { header.encode(version, into: &$0) }
        #expect(received == expected + Array("hello".utf8))
        client.reset()
        bench.simulation.run(milliseconds: 200)
        #expect(bench.closed.first?.counts.uplinkBytes == 5)
    }

    @Test func `and whom the header in front named goes on to it`() throws {
        let bench = try bench(Introducers(in: nil), introducing: .text, handler: forward)
        let client = try bench.client()
        client.send(Self.line + "hello")
        bench.simulation.run(milliseconds: 200)
        let received = try #require(origin?.connections.first?.received)
        #expect(String(decoding: received, as: UTF8.self) == Self.line + "hello")
        #expect(bench.opened.first?.client.description == "198.51.100.7:4711")
    }
}

import Codecs
import Inbound
import KernelTesting
import LinuxIO
import Model
import Testing

@Suite("BIND, RFC 1928 §4 and SOCKS4", .timeLimit(.minutes(5)))
struct BindTests {
    private func bench(publicAddress: IPAddress? = nil) throws -> InboundBench {
        var service = InboundBench.Service()
        service.handler = .socks(SOCKSSettings(servesBind: true, publicAddress: publicAddress))
        service.forbidden = [IPAddress(v4: 0xcb00_7150)]
        return try InboundBench(service)
    }

    /// A client that has its first reply, and where the gateway listens for it.
    private func bind(
        _ bench: InboundBench, for host: String = "203.0.113.70"
    ) throws -> (client: PeerStream, place: Endpoint) {
        let client = try bench.client()
        let bytes = bench.exchange(
            client, SOCKSBytes.greeting + SOCKSBytes.request(2, host, 80))
        let reply = try #require(SOCKSBytes.reply(Array(bytes.dropFirst(2))))
        try #require(reply.code == .succeeded)
        return (client, reply.bound)
    }

    @Test func `the expected peer's connection is told and relayed`() throws {
        let bench = try bench()
        let (client, place) = try bind(bench)
        let peer = try bench.simulation.peer("203.0.113.70").connect(to: place)
        bench.simulation.run(milliseconds: 100)
        let second = try #require(SOCKSBytes.reply(Array(client.received.dropFirst(12))))
        #expect(second.code == .succeeded)
        #expect(second.bound == peer.local)
        peer.send("from there")
        client.send("from here")
        client.finish()
        bench.simulation.run(milliseconds: 100)
        #expect(String(decoding: client.received.dropFirst(22), as: UTF8.self) == "from there")
        #expect(peer.received == Array("from here".utf8))
        #expect(peer.hasEnded)
        peer.finish()
        bench.simulation.run(milliseconds: 2000)
        let totals = try #require(bench.closed.first).counts
        #expect(totals.uplinkBytes == 9)
        #expect(totals.downlinkBytes == 10)
        bench.expectRest()
    }

    @Test func `others are turned away and the expected one may still come`() throws {
        let bench = try bench()
        let (client, place) = try bind(bench)
        let stranger = try bench.simulation.peer("203.0.113.71").connect(to: place)
        bench.simulation.run(milliseconds: 100)
        #expect(stranger.hasEnded || stranger.error != nil)
        #expect(client.received.count == 12)
        let peer = try bench.simulation.peer("203.0.113.70").connect(to: place)
        bench.simulation.run(milliseconds: 100)
        #expect(SOCKSBytes.reply(Array(client.received.dropFirst(12)))?.bound == peer.local)
    }

    @Test func `a client that names nobody accepts anybody`() throws {
        let bench = try bench()
        let (client, place) = try bind(bench, for: "0.0.0.0")
        let peer = try bench.simulation.peer("203.0.113.99").connect(to: place)
        bench.simulation.run(milliseconds: 100)
        #expect(SOCKSBytes.reply(Array(client.received.dropFirst(12)))?.bound == peer.local)
    }

    @Test func `nobody comes: a second reply says so and the port is closed`() throws {
        let bench = try bench()
        let (client, place) = try bind(bench)
        bench.simulation.run(milliseconds: 12_000)
        #expect(SOCKSBytes.reply(Array(client.received.dropFirst(12)))?.code == .ttlExpired)
        let late = try bench.simulation.peer("203.0.113.70").connect(to: place)
        bench.simulation.run(milliseconds: 2000)
        #expect(late.error?.isRefused == true)
        bench.expectRest()
    }

    @Test func `a client that leaves meanwhile leaves nothing behind`() throws {
        let bench = try bench()
        let (client, place) = try bind(bench)
        client.reset()
        bench.simulation.run(milliseconds: 100)
        let peer = try bench.simulation.peer("203.0.113.70").connect(to: place)
        bench.simulation.run(milliseconds: 15_000)
        #expect(peer.hasEnded || peer.error != nil)
        #expect(bench.opened.isEmpty)
        bench.expectRest()
    }

    @Test func `a stop ends the wait at once`() throws {
        let bench = try bench()
        let (client, _) = try bind(bench)
        bench.simulation.onLoop { _ in bench.station.cutAll() }
        bench.simulation.run(milliseconds: 10)
        #expect(client.error?.isReset == true)
        bench.expectRest()
    }

    @Test func `policy holds for expected peers`() throws {
        let bench = try bench()
        let client = try bench.client()
        let bytes = bench.exchange(
            client, SOCKSBytes.greeting + SOCKSBytes.request(2, "203.0.113.80", 80))
        #expect(SOCKSBytes.reply(Array(bytes.dropFirst(2)))?.code == .notAllowed)
    }

    @Test func `the public address is told`() throws {
        let address = IPAddress(v4: 0xc612_0001)
        let bench = try bench(publicAddress: address)
        #expect(try bind(bench).place.address == address)
    }

    @Test func `SOCKS4 binds as well`() throws {
        let bench = try bench()
        let client = try bench.client()
        let first = bench.exchange(client, [4, 2, 0, 80, 203, 0, 113, 70, 0])
        #expect(first.prefix(2) == [0, 90])
        let port = UInt16(first[2]) << 8 | UInt16(first[3])
        let peer = try bench.simulation.peer("203.0.113.70").connect(
            to: Endpoint(InboundBench.address.address, port))
        bench.simulation.run(milliseconds: 100)
        #expect(Array(client.received.dropFirst(8)).prefix(2) == [0, 90])
        peer.send("x")
        bench.simulation.run(milliseconds: 100)
        #expect(client.received.last == 120)
    }
}

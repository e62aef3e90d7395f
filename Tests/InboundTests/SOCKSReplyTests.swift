import Codecs
import Inbound
import KernelTesting
import Loop
import Model
import Testing

@Suite("SOCKS replies, RFC 1928 §6 and SOCKS4", .timeLimit(.minutes(5)))
struct SOCKSReplyTests {
    /// A request and the code that answers it.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let request: [UInt8]
        let code: SOCKS5.Reply.Code

        init(_ name: String, _ request: [UInt8], _ code: SOCKS5.Reply.Code) {
            testDescription = name
            self.request = request
            self.code = code
        }
    }

    private func bench(_ socks: SOCKSSettings = SOCKSSettings()) throws -> InboundBench {
        var service = InboundBench.Service()
        service.handler = .socks(socks)
        service.forbidden = [IPAddress(v4: 0xcb00_7150)]
        let bench = try InboundBench(service)
        for (text, route) in [
            ("203.0.113.60", SimulatedKernel.Route.missing), ("203.0.113.61", .unreachable),
            ("203.0.113.62", .silent),
        ] {
            if let address = IPAddress(text) { bench.simulation.kernel.routes[address] = route }
        }
        _ = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        _ = try bench.simulation.peer("2001:db8::70").listen(port: 80)
        bench.names.addresses["both.example"] = ["203.0.113.60", "203.0.113.70"].compactMap {
            IPAddress($0)
        }
        return bench
    }

    @Test(arguments: [
        Case("an origin that accepts", SOCKSBytes.request(1, "203.0.113.70", 80), .succeeded),
        Case("an IPv6 origin", SOCKSBytes.request(1, "2001:db8::70", 80), .succeeded),
        Case(
            "a name's second address", SOCKSBytes.request(1, name: "both.example", 80), .succeeded),
        Case("nobody listens", SOCKSBytes.request(1, "203.0.113.70", 81), .connectionRefused),
        Case("no route", SOCKSBytes.request(1, "203.0.113.60", 80), .networkUnreachable),
        Case("host unreachable", SOCKSBytes.request(1, "203.0.113.61", 80), .hostUnreachable),
        Case("silence", SOCKSBytes.request(1, "203.0.113.62", 80), .ttlExpired),
        Case(
            "an unknown name", SOCKSBytes.request(1, name: "nobody.example", 80), .hostUnreachable),
        Case("a name with NUL", SOCKSBytes.request(1, name: "a\0b", 80), .hostUnreachable),
        Case("forbidden", SOCKSBytes.request(1, "203.0.113.80", 80), .notAllowed),
        Case("BIND, not served", SOCKSBytes.request(2, "203.0.113.70", 80), .commandNotSupported),
        Case("ASSOCIATE, not served", SOCKSBytes.request(3, "0.0.0.0", 0), .commandNotSupported),
        Case("command 9", SOCKSBytes.request(9, "203.0.113.70", 80), .commandNotSupported),
        Case("address type 9", [5, 1, 0, 9, 1, 2, 3, 4, 0, 80], .addressTypeNotSupported),
    ])
    func `every outcome has its own code`(_ request: Case) throws {
        let bench = try bench()
        let client = try bench.client()
        let bytes = bench.exchange(
            client, SOCKSBytes.greeting + request.request, milliseconds: 15_000)
        #expect(bytes.prefix(2) == [5, 0])
        let reply = try #require(SOCKSBytes.reply(Array(bytes.dropFirst(2))))
        #expect(reply.code == request.code)
        #expect((reply.bound == Endpoint(.anyV4, 0)) == (request.code != .succeeded))
        #expect(client.hasEnded == (request.code != .succeeded))
        #expect(client.error == nil, "the reply is not lost by a reset")
        client.reset()
        bench.simulation.run(milliseconds: 5000)
        bench.expectRest()
    }

    @Test func `success tells our address towards the origin`() throws {
        let bench = try bench()
        let client = try bench.client()
        let bytes = bench.exchange(
            client, SOCKSBytes.greeting + SOCKSBytes.request(1, "203.0.113.70", 80))
        let reply = try #require(SOCKSBytes.reply(Array(bytes.dropFirst(2))))
        #expect(reply.bound == bench.opened.first?.upstreamLocal)
        #expect(bench.opened.first?.client == client.local)
        #expect(bench.opened.first?.listener == InboundBench.address)
    }

    @Test func `bytes behind the request reach the origin first and in order`() throws {
        let bench = try InboundBench()
        let origin = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        let client = try bench.client()
        let early = Payload.bytes(3000, seed: 1)
        let later = Payload.bytes(70_000, seed: 2)
        client.send(SOCKSBytes.greeting + SOCKSBytes.request(1, "203.0.113.70", 80) + early)
        bench.simulation.run(milliseconds: 100)
        client.send(later)
        client.finish()
        bench.simulation.run(milliseconds: 1000)
        let upstream = try #require(origin.connections.first)
        #expect(upstream.received == early + later)
        #expect(upstream.hasEnded)
        upstream.send("and back")
        upstream.finish()
        bench.simulation.run(milliseconds: 2000)
        #expect(String(decoding: client.received.dropFirst(12), as: UTF8.self) == "and back")
        let counts = try #require(bench.closed.first?.counts)
        #expect(counts.uplinkBytes == 73_000)
        #expect(counts.downlinkBytes == 8)
        #expect(counts.overheadUplinkBytes == 13)
        #expect(counts.overheadDownlinkBytes == 12)
        bench.expectRest()
    }

    @Test func `a request byte by byte is understood`() throws {
        let bench = try bench()
        let client = try bench.client()
        for byte in SOCKSBytes.greeting + SOCKSBytes.request(1, "203.0.113.70", 80) {
            client.send([byte])
            bench.simulation.run(milliseconds: 10)
        }
        #expect(SOCKSBytes.reply(Array(client.received.dropFirst(2)))?.code == .succeeded)
    }

    @Test func `bytes that drip do not extend the handshake's time`() throws {
        let bench = try bench()
        let client = try bench.client()
        for byte in SOCKSBytes.greeting + [5, 1, 0, 3, 200] + [UInt8](repeating: 97, count: 12) {
            if client.hasEnded || client.error != nil { break }
            client.send([byte])
            bench.simulation.run(milliseconds: 1000)
        }
        #expect(client.hasEnded || client.error != nil)
        #expect(bench.simulation.kernel.nowNanoseconds < 18_000_000_000)
        bench.expectRest()
        #expect(bench.lines.all.contains { $0.contains("took too long") })
    }

    @Test(arguments: [[0x16, 3, 1], [0], [6], Array("GET / HTTP/1.1\r\n\r\n".utf8)])
    func `what is no SOCKS is closed without a word`(_ bytes: [UInt8]) throws {
        let bench = try bench()
        let client = try bench.client()
        client.send(bytes)
        bench.simulation.run(milliseconds: 3000)
        #expect(client.received.isEmpty)
        #expect(client.hasEnded || client.error != nil)
        bench.expectRest()
    }

    // MARK: The last word

    @Test func `a refusal is heard by a client that goes on talking`() throws {
        let bench = try bench()
        let client = try bench.client()
        client.send(SOCKSBytes.greeting + SOCKSBytes.request(1, "203.0.113.70", 81))
        client.send(Payload.bytes(20_000, seed: 3))
        bench.simulation.run(milliseconds: 200)
        let reply = SOCKSBytes.reply(Array(client.received.dropFirst(2)))
        #expect(reply?.code == .connectionRefused)
        #expect(client.hasEnded)
        #expect(client.error == nil)
        bench.simulation.run(milliseconds: 3000)
        bench.expectRest("a client that never closes is let go of")
    }

    // MARK: SOCKS4

    @Test(
        arguments: [
            ("granted", [4, 1, 0, 80, 203, 0, 113, 70, 0], 90 as UInt8),
            ("with a user", [4, 1, 0, 80, 203, 0, 113, 70] + Array("me\0".utf8), 90),
            ("4a name", [4, 1, 0, 80, 0, 0, 0, 1, 0] + Array("both.example\0".utf8), 90),
            ("refused", [4, 1, 0, 81, 203, 0, 113, 70, 0], 91),
            ("forbidden", [4, 1, 0, 80, 203, 0, 113, 80, 0], 91),
            ("unknown command", [4, 7, 0, 80, 203, 0, 113, 70, 0], 91),
            ("BIND, not served", [4, 2, 0, 80, 203, 0, 113, 70, 0], 91),
        ] as [(String, [UInt8], UInt8)])
    func `SOCKS4 is answered in its own words`(
        _ name: String, _ request: [UInt8], _ code: UInt8
    ) throws {
        let bench = try bench()
        let client = try bench.client()
        let bytes = bench.exchange(client, request, milliseconds: 500)
        #expect(bytes.count == 8)
        #expect(bytes.prefix(2) == [0, code])
        client.reset()
        bench.simulation.run(milliseconds: 3000)
        bench.expectRest()
    }
}

import Codecs
import KernelTesting
import Model
import Testing

@testable import Inbound

@Suite("UDP ASSOCIATE, RFC 1928 §7", .timeLimit(.minutes(5)))
struct AssociationTests {
    private static let origin = Endpoint(IPAddress(v4: 0xcb00_7146), 53)

    private func bench(
        ports: ClosedRange<UInt16>? = nil, publicAddress: IPAddress? = nil
    ) throws -> InboundBench {
        var service = InboundBench.Service()
        service.handler = .socks(
            SOCKSSettings(
                servesDatagrams: true, publicAddress: publicAddress, datagramPorts: ports))
        service.forbidden = [IPAddress(v4: 0xcb00_7150)]
        return try InboundBench(service)
    }

    private func echo(_ bench: InboundBench, port: UInt16 = 53) throws -> PeerDatagrams {
        try bench.simulation.peer("203.0.113.70").bindDatagrams(port: port) { socket, datagram in
            try? socket.send(datagram.bytes, to: datagram.source)
        }
    }

    @Test func `datagrams go to their destination and answers come back with their source`() throws
    {
        let bench = try bench()
        let origin = try echo(bench)
        let association = try Association(bench)
        #expect(association.relay.address == InboundBench.address.address)
        let payloads = [[], [1], Payload.bytes(65_000, seed: 1)]
        for payload in payloads { association.send(payload, to: origin.endpoint) }
        bench.simulation.run(milliseconds: 100)
        #expect(origin.received.map(\.bytes) == payloads)
        #expect(association.payloads(from: origin.endpoint) == payloads)
        association.control.close()
        bench.simulation.run(milliseconds: 2000)
        let closed = try #require(bench.closed.first)
        #expect(closed.counts.uplinkBytes == 65_001)
        #expect(closed.counts.downlinkBytes == 65_001)
        #expect(closed.counts.uplinkPackets == 3)
        #expect(closed.counts.downlinkPackets == 3)
        #expect(closed.counts.overheadUplinkBytes == 30)
        #expect(closed.counts.overheadDownlinkBytes == 30)
        #expect(closed.end.cause == .controlClosed)
        bench.expectRest()
    }

    @Test func `fragments, malformed ones and strangers' are dropped and not billed`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        let association = try Association(bench)
        association.send([1], to: origin.endpoint, fragment: 1)
        for bytes in [[], [0, 0], [0, 0, 0, 9, 1], [0, 0, 0, 1, 1, 2, 3]] as [[UInt8]] {
            try? association.socket.send(bytes, to: association.relay)
        }
        let stranger = try bench.simulation.peer("198.18.0.66").bindDatagrams()
        try stranger.send(SOCKSBytes.datagram(origin.endpoint, [2]), to: association.relay)
        bench.simulation.run(milliseconds: 100)
        #expect(origin.received.isEmpty)
        #expect(bench.opened.isEmpty)
        association.send([3], to: origin.endpoint)
        bench.simulation.run(milliseconds: 100)
        #expect(origin.received.map(\.bytes) == [[3]])
    }

    @Test func `answers come only from where the client has sent to`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        let association = try Association(bench)
        association.send([1], to: origin.endpoint)
        bench.simulation.run(milliseconds: 100)
        let gateway = try #require(origin.received.first?.source)
        let stranger = try bench.simulation.peer("203.0.113.71").bindDatagrams(port: 53)
        try stranger.send([66], to: gateway)
        bench.simulation.run(milliseconds: 100)
        #expect(association.socket.received.count == 1)
        #expect(bench.opened.count == 1)
    }

    @Test func `a forbidden or unreachable destination does not end the association`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        let association = try Association(bench)
        let missing = try #require(IPAddress("203.0.113.60"))
        bench.simulation.kernel.routes[missing] = .missing
        association.send([1], to: Endpoint(IPAddress(v4: 0xcb00_7150), 53))
        association.send([2], to: Endpoint(missing, 53))
        association.send([3], to: Endpoint(origin.endpoint.address, 0))
        association.send([4], to: origin.endpoint)
        bench.simulation.run(milliseconds: 100)
        #expect(association.payloads(from: origin.endpoint) == [[4]])
    }

    @Test func `a name is resolved, and datagrams that wait for it are kept`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        bench.names.addresses["origin.example"] = [origin.endpoint.address]
        let association = try Association(bench)
        let header: [UInt8] = [0, 0, 0, 3, 14] + Array("origin.example".utf8) + [0, 53]
        for number in 1...3 as ClosedRange<UInt8> {
            try association.socket.send(header + [number], to: association.relay)
        }
        bench.simulation.run(milliseconds: 100)
        #expect(origin.received.map(\.bytes) == [[1], [2], [3]])
        #expect(association.payloads(from: origin.endpoint) == [[1], [2], [3]])
        #expect(bench.opened.map(\.host) == ["origin.example"])
        association.control.close()
        bench.simulation.run(milliseconds: 2000)
        let totals = try #require(bench.closed.first).counts
        #expect(totals.overheadUplinkBytes == 3 * 21)
    }

    @Test func `a name that had no address is asked for again after a while`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        let association = try Association(bench)
        let header: [UInt8] = [0, 0, 0, 3, 14] + Array("origin.example".utf8) + [0, 53]
        try association.socket.send(header + [1], to: association.relay)
        bench.simulation.run(milliseconds: 100)
        bench.names.addresses["origin.example"] = [origin.endpoint.address]
        try association.socket.send(header + [2], to: association.relay)
        bench.simulation.run(milliseconds: 30_000)
        #expect(origin.received.isEmpty, "not at once")
        try association.socket.send(header + [3], to: association.relay)
        bench.simulation.run(milliseconds: 100)
        #expect(origin.received.map(\.bytes) == [[3]])
    }

    @Test func `the request's port is the only one heard`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        let socket = try bench.simulation.peer(InboundBench.clientHost).bindDatagrams(port: 5353)
        let association = try Association(
            bench, request: SOCKSBytes.request(3, InboundBench.clientHost, 5353))
        association.send([1], to: origin.endpoint)
        try socket.send(SOCKSBytes.datagram(origin.endpoint, [2]), to: association.relay)
        bench.simulation.run(milliseconds: 100)
        #expect(origin.received.map(\.bytes) == [[2]])
    }

    @Test func `the public address is told instead of our own`() throws {
        let address = IPAddress(v4: 0xc612_0001)
        let bench = try bench(publicAddress: address)
        #expect(try Association(bench).relay.address == address)
    }

    @Test func `ports come from the range, and a range that is used up is a refusal`() throws {
        let bench = try bench(ports: 40_000...40_002)
        var associations: [Association] = []
        for _ in 0..<3 { associations.append(try Association(bench)) }
        #expect(Set(associations.map(\.relay.port)) == [40_000, 40_001, 40_002])
        let client = try bench.client()
        let bytes = bench.exchange(
            client, SOCKSBytes.greeting + SOCKSBytes.request(3, "0.0.0.0", 0))
        #expect(SOCKSBytes.reply(Array(bytes.dropFirst(2)))?.code == .generalFailure)
        associations[1].control.close()
        bench.simulation.run(milliseconds: 2000)
        #expect(try Association(bench).relay.port == associations[1].relay.port)
    }

    @Test func `it ends with its connection, however that ends`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        for ending in 0..<3 {
            let association = try Association(bench)
            association.send([1], to: origin.endpoint)
            bench.simulation.run(milliseconds: 100)
            switch ending {
            case 0: association.control.finish()
            case 1: association.control.reset()
            default: bench.simulation.onLoop { _ in bench.station.cutAll() }
            }
            bench.simulation.run(milliseconds: 2000)
            bench.expectRest("ending \(ending)")
        }
        #expect(bench.closed.map(\.end.by) == [.client, .client, .gateway])
    }

    @Test func `so many associations and no more`() throws {
        let bench = try bench()
        while bench.station.takeAssociation() {}
        let client = try bench.client()
        let bytes = bench.exchange(
            client, SOCKSBytes.greeting + SOCKSBytes.request(3, "0.0.0.0", 0))
        #expect(SOCKSBytes.reply(Array(bytes.dropFirst(2)))?.code == .generalFailure)
        bench.station.giveBackAssociation()
        _ = try Association(bench)
    }
}

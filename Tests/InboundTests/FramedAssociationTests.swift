import Chance
import Codecs
import KernelTesting
import LinuxIO
import Metering
import Model
import Testing

@testable import Inbound

@Suite("UDP over TCP, gost's command 0xF3", .timeLimit(.minutes(5)))
struct FramedAssociationTests {
    private func bench(
        datagrams: Bool = true, seed: UInt64 = 1, faults: Faults = .none
    ) throws -> InboundBench {
        var service = InboundBench.Service()
        service.handler = .socks(SOCKSSettings(servesDatagrams: datagrams))
        service.forbidden = [IPAddress(v4: 0xcb00_7150)]
        return try InboundBench(service, seed: seed, faults: faults)
    }

    private func echo(_ bench: InboundBench, port: UInt16 = 53) throws -> PeerDatagrams {
        try bench.simulation.peer("203.0.113.70").bindDatagrams(port: port) { socket, datagram in
            try? socket.send(datagram.bytes, to: datagram.source)
        }
    }

    @Test func `datagrams go out of a socket of their own and answers come back framed`() throws {
        let bench = try bench()
        let origins = [try echo(bench), try echo(bench, port: 54)]
        let association = try FramedAssociation(bench)
        #expect(association.bound.port != 0)
        let large = Payload.bytes(60_000, seed: 1)
        association.send([1, 2], to: origins[0].endpoint)
        association.send(large, to: origins[1].endpoint)
        association.send([3], to: origins[0].endpoint)
        bench.simulation.run(milliseconds: 100)
        #expect(origins[0].received.map(\.bytes) == [[1, 2], [3]])
        #expect(origins[1].received.map(\.bytes) == [large])
        #expect(Set(origins.flatMap(\.received).map(\.source)).count == 1)
        let datagrams = association.datagrams
        let (first, second) = (origins[0].endpoint, origins[1].endpoint)
        #expect(
            datagrams.filter { $0.source == Destination(first) }.map(\.payload) == [[1, 2], [3]])
        #expect(
            datagrams.filter { $0.source == Destination(second) }.map(\.payload) == [large])
        association.stream.finish()
        bench.simulation.run(milliseconds: 2000)
        #expect(association.stream.hasEnded)
        let closed = bench.closed.sorted { $0.counts.uplinkBytes < $1.counts.uplinkBytes }
        #expect(closed.map(\.counts.uplinkBytes) == [3, 60_000])
        #expect(closed.map(\.counts.downlinkBytes) == [3, 60_000])
        #expect(closed.map(\.counts.uplinkPackets) == [2, 1])
        #expect(closed.map(\.counts.downlinkPackets) == [2, 1])
        #expect(closed.map(\.counts.overheadUplinkBytes) == [20, 10])
        #expect(closed.map(\.counts.overheadDownlinkBytes) == [20, 10])
        #expect(closed.allSatisfy { $0.flow.client == association.stream.local })
        #expect(closed.allSatisfy { $0.flow.listener == InboundBench.address })
        #expect(closed.allSatisfy { $0.flow.transport == .udp })
        #expect(closed.allSatisfy { $0.end.cause == .controlClosed && $0.end.by == .client })
        bench.expectRest()
    }

    @Test func `frames may be split anywhere and come behind the request at once`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        let client = try bench.client()
        let frames =
            FramedAssociation.frame(origin.endpoint, [1])
            + FramedAssociation.frame(origin.endpoint, [2, 2])
        client.send(
            SOCKSBytes.greeting + SOCKSBytes.request(0xf3, "0.0.0.0", 0) + frames.dropLast(3))
        bench.simulation.run(milliseconds: 50)
        #expect(origin.received.map(\.bytes) == [[1]])
        for byte in frames.suffix(3) + frames {
            client.send([byte])
            bench.simulation.run(milliseconds: 2)
        }
        bench.simulation.run(milliseconds: 50)
        #expect(origin.received.map(\.bytes) == [[1], [2, 2], [1], [2, 2]])
    }

    @Test func `a bad datagram costs itself and nothing else`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        bench.names.addresses["origin.example"] = [origin.endpoint.address]
        let association = try FramedAssociation(bench)
        for frame in [
            FramedAssociation.frame(Endpoint(origin.endpoint.address, 0), [1]),
            FramedAssociation.frame(Endpoint(IPAddress(v4: 0xcb00_7150), 53), [2]),
            FramedAssociation.frame("nobody.example", 53, [3]),
            FramedAssociation.frame("a\n", 53, [4]),
            FramedAssociation.frame("origin.example", 53, [5]),
            FramedAssociation.frame(origin.endpoint, [6]),
        ] {
            association.stream.send(frame)
        }
        bench.simulation.run(milliseconds: 100)
        #expect(Set(origin.received.map(\.bytes)) == [[5], [6]])
        #expect(Set(association.datagrams.map(\.payload)) == [[5], [6]])
    }

    @Test func `an empty datagram goes out, and an empty answer is dropped and counted`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        let association = try FramedAssociation(bench)
        for payload in [[1], [], [2]] as [[UInt8]] {
            association.send(payload, to: origin.endpoint)
        }
        bench.simulation.run(milliseconds: 100)
        #expect(origin.received.map(\.bytes) == [[1], [], [2]])
        #expect(association.datagrams.map(\.payload) == [[1], [2]])
        association.stream.close()
        bench.simulation.run(milliseconds: 1000)
        let counts = try #require(bench.closed.first).counts
        #expect(counts.uplinkPackets == 3)
        #expect(counts.downlinkPackets == 2)
        #expect(counts.droppedPackets == 1)
    }

    @Test func `a frame without an end ends the association`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        let association = try FramedAssociation(bench)
        association.stream.send(
            FramedAssociation.frame(origin.endpoint, [1]) + [0, 1, 0xff, 9, 1, 2, 3])
        bench.simulation.run(milliseconds: 1000)
        #expect(origin.received.map(\.bytes) == [[1]])
        #expect(bench.closed.first?.end.cause == .malformed)
        #expect(association.stream.hasEnded || association.stream.error != nil)
        bench.expectRest()
    }

    @Test func `answers come only from where the client has sent to`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        let association = try FramedAssociation(bench)
        association.send([1], to: origin.endpoint)
        bench.simulation.run(milliseconds: 100)
        let gateway = try #require(origin.received.first?.source)
        let stranger = try bench.simulation.peer("203.0.113.71").bindDatagrams(port: 53)
        try stranger.send([66], to: gateway)
        bench.simulation.run(milliseconds: 100)
        #expect(association.datagrams.map(\.payload) == [[1]])
        #expect(bench.opened.count == 1)
    }

    @Test func `a client that does not read loses datagrams, counted, and no memory grows`() throws
    {
        let bench = try bench()
        let origin = try bench.simulation.peer("203.0.113.70").bindDatagrams(port: 53)
        let association = try FramedAssociation(bench)
        association.send([1], to: origin.endpoint)
        bench.simulation.run(milliseconds: 50)
        let gateway = try #require(origin.received.first?.source)
        association.stream.isPaused = true
        let payloads = (0..<400).map { Payload.bytes(4000, seed: UInt64($0)) }
        for payload in payloads {
            try origin.send(payload, to: gateway)
            bench.simulation.run(milliseconds: 1)
        }
        association.stream.isPaused = false
        bench.simulation.run(milliseconds: 2000)
        let received = association.datagrams.map(\.payload)
        #expect(received.count < payloads.count)
        #expect(received.count * 4010 >= Limits.framesPerStreamBytes - 4010)
        #expect(received.allSatisfy { payloads.contains($0) })
        try origin.send([9], to: gateway)
        bench.simulation.run(milliseconds: 100)
        #expect(association.datagrams.last?.payload == [9])
        association.stream.close()
        bench.simulation.run(milliseconds: 1000)
        let counts = try #require(bench.closed.first).counts
        #expect(Int(counts.downlinkPackets) == received.count + 1)
        #expect(Int(counts.downlinkBytes) == received.count * 4000 + 1)
        #expect(Int(counts.droppedPackets) == payloads.count - received.count)
        bench.expectRest()
    }

    @Test func `what waits for a reader when a flow is ended is dropped, and the rest is whole`()
        throws
    {
        let bench = try bench()
        let origins = try (0..<2).map { index in
            try bench.simulation.peer("203.0.113.7\(index)").bindDatagrams(port: 53)
        }
        let association = try FramedAssociation(bench)
        for origin in origins { association.send([1], to: origin.endpoint) }
        bench.simulation.run(milliseconds: 50)
        let gateway = try #require(origins[0].received.first?.source)
        association.stream.isPaused = true
        for number in 0..<200 {
            try origins[number % 2].send(
                Payload.bytes(3000, seed: UInt64(number)), to: gateway)
            bench.simulation.run(milliseconds: 1)
        }
        let first = try #require(
            bench.opened.first { $0.destination == origins[0].endpoint })
        bench.simulation.onLoop { _ in
            bench.station.ledger.cut(
                [first.id], FlowEnd(by: .gateway, phase: .relay, cause: .ruled))
        }
        association.stream.isPaused = false
        bench.simulation.run(milliseconds: 2000)
        let received = association.datagrams
        #expect(received.map(\.payload.count).allSatisfy { $0 == 3000 })
        let ofSecond = received.count { $0.source == Destination(origins[1].endpoint) }
        association.stream.close()
        bench.simulation.run(milliseconds: 1000)
        let second = try #require(
            bench.closed.first { $0.flow.destination == origins[1].endpoint })
        #expect(Int(second.counts.downlinkPackets) == ofSecond)
        #expect(second.counts.downlinkPackets + second.counts.droppedPackets == 100)
        let ruled = try #require(bench.closed.first { $0.flow.id == first.id })
        #expect(ruled.counts.downlinkPackets + ruled.counts.droppedPackets == 100)
        // One that the kernel had begun to take is finished, and not billed.
        let ofFirst = received.count - ofSecond
        #expect((0...1).contains(ofFirst - Int(ruled.counts.downlinkPackets)))
        bench.expectRest()
    }

    @Test func `it ends with its stream, however that ends`() throws {
        let bench = try bench()
        let origin = try echo(bench)
        for ending in 0..<3 {
            let association = try FramedAssociation(bench)
            association.send([1], to: origin.endpoint)
            bench.simulation.run(milliseconds: 100)
            switch ending {
            case 0: association.stream.finish()
            case 1: association.stream.reset()
            default: bench.simulation.onLoop { _ in bench.station.cutAll() }
            }
            bench.simulation.run(milliseconds: 2000)
            bench.expectRest("ending \(ending)")
        }
        #expect(bench.closed.map(\.end.by) == [.client, .client, .gateway])
        #expect(bench.closed.map(\.end.cause) == [.controlClosed, .reset, .shutdown])
    }

    @Test(arguments: [(true, 5353), (false, 0)] as [(Bool, UInt16)])
    func `a bound port, and all of it without UDP, is refused with 7`(
        datagrams: Bool, port: UInt16
    ) throws {
        let bench = try bench(datagrams: datagrams)
        let client = try bench.client()
        let bytes = bench.exchange(
            client, SOCKSBytes.greeting + SOCKSBytes.request(0xf3, "0.0.0.0", port))
        #expect(SOCKSBytes.reply(Array(bytes.dropFirst(2)))?.code == .commandNotSupported)
    }

    @Test func `so many associations and no more`() throws {
        let bench = try bench()
        while bench.station.takeAssociation() {}
        let client = try bench.client()
        let bytes = bench.exchange(
            client, SOCKSBytes.greeting + SOCKSBytes.request(0xf3, "0.0.0.0", 0))
        #expect(SOCKSBytes.reply(Array(bytes.dropFirst(2)))?.code == .generalFailure)
    }

    /// Bursts to two origins, echoed, with every fault of the kernel that loses nothing.
    private func play(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let bench = try bench(seed: seed, faults: .swarm(seed: seed, lossy: false))
        bench.simulation.kernel.bufferBytes = Int.random(in: 2000...200_000, using: &random)
        bench.simulation.kernel.latencyNanoseconds = 1000...1_000_000
        let origins = [try echo(bench), try echo(bench, port: 54)]
        let association = try FramedAssociation(bench)
        var sent = 0
        for round in 0..<30 {
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let size = [1, 99, 1200, 8000, 40_000].randomElement(using: &random) ?? 1
                association.send(
                    Payload.bytes(size, seed: seed + UInt64(sent)),
                    to: origins[Int.random(in: 0...1, using: &random)].endpoint)
                sent += 1
            }
            association.stream.isPaused = round % 3 == 0 && random.happens(0.5)
            if random.happens(0.5) { bench.simulation.run(milliseconds: 3) }
        }
        association.stream.isPaused = false
        bench.simulation.run(milliseconds: 3000)
        association.stream.close()
        bench.simulation.run(milliseconds: 3000)
        let arrived = origins.flatMap(\.received).map(\.bytes.count)
        let received = association.datagrams.map(\.payload.count)
        let counts = bench.closed.map(\.counts)
        func sum(_ value: (FlowCounts) -> UInt64) -> Int {
            counts.reduce(0) { $0 + Int(value($1)) }
        }
        #expect(sum(\.uplinkPackets) == arrived.count, "seed \(seed)")
        #expect(sum(\.uplinkBytes) == arrived.reduce(0, +), "seed \(seed)")
        #expect(sum(\.downlinkPackets) == received.count, "seed \(seed)")
        #expect(sum(\.downlinkBytes) == received.reduce(0, +), "seed \(seed)")
        #expect(sum(\.overheadDownlinkBytes) == received.count * 10, "seed \(seed)")
        #expect(sum(\.overheadUplinkBytes) == sent * 10, "seed \(seed)")
        #expect(sum(\.droppedPackets) == sent - received.count, "seed \(seed)")
        bench.expectRest("seed \(seed)")
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `over many seeds every datagram is delivered or counted as dropped`(_ tens: UInt64) throws
    {
        for seed in 0..<10 as Range<UInt64> { try play(7000 + tens * 10 + seed) }
    }
}

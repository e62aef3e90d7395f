import Chance
import Codecs
import KernelTesting
import LinuxIO
import Metering
import Model
import Routing
import Testing

@testable import Inbound

@Suite("Datagrams of associations through a node", .timeLimit(.minutes(5)))
struct DatagramTunnelTests {
    private static let far = Endpoint(IPAddress(v4: 0xcb00_7146), 53)

    private func exchange(
        _ bench: InboundBench, _ payloads: [[UInt8]] = [[1], [2, 2], []]
    ) throws -> Association {
        let association = try Association(bench)
        for payload in payloads { association.send(payload, to: Self.far) }
        bench.simulation.run(milliseconds: 200)
        return association
    }

    private func end(_ association: Association, _ bench: InboundBench) {
        association.control.close()
        bench.simulation.run(milliseconds: 2000)
    }

    // MARK: Which form

    @Test func `a node that knows frames gets them, and its flows carry the way`() throws {
        let bench = try DatagramNode.bench()
        let node = try DatagramNode(bench.simulation, serves: [0xf3])
        let association = try exchange(bench)
        #expect(node.commands == [0xf3])
        #expect(association.payloads(from: Self.far) == [[1], [2, 2]])
        end(association, bench)
        let flow = try #require(bench.closed.first)
        #expect(flow.flow.route == ["node"])
        #expect(flow.flow.destination == Self.far)
        #expect(flow.flow.upstreamRemote == DatagramNode.endpoint)
        #expect(flow.counts.uplinkPackets == 2 && flow.counts.uplinkBytes == 3)
        #expect(flow.counts.downlinkPackets == 2 && flow.counts.downlinkBytes == 3)
        #expect(flow.counts.droppedPackets == 1, "an empty datagram has no frame")
        bench.expectRest()
    }

    @Test(arguments: [DatagramNode.Manner.refuses, .closes, .isSilent])
    func `one that does not know them is asked by the RFC, and remembered`(
        _ manner: DatagramNode.Manner
    ) throws {
        let bench = try DatagramNode.bench()
        let node = try DatagramNode(bench.simulation, serves: [3])
        node.manner = manner
        let association = try bench.client()
        let bytes = bench.exchange(
            association, SOCKSBytes.greeting + SOCKSBytes.request(3, "0.0.0.0", 0),
            milliseconds: 6000)
        #expect(SOCKSBytes.reply(Array(bytes.dropFirst(2)))?.code == .succeeded)
        #expect(node.commands == [0xf3, 3])
        let second = try exchange(bench)
        #expect(node.commands == [0xf3, 3, 3])
        #expect(second.payloads(from: Self.far) == [[1], [2, 2], []])
        #expect(node.datagrams.map(\.payload) == [[1], [2, 2], []])
        #expect(bench.lines.all.count { $0.contains("UDP ASSOCIATE is used") } == 1)
        association.close()
        end(second, bench)
        let flow = try #require(bench.closed.first)
        #expect(flow.counts.uplinkPackets == 3 && flow.counts.downlinkPackets == 3)
        #expect(flow.counts.overheadUplinkBytes == 30 && flow.counts.overheadDownlinkBytes == 30)
        bench.expectRest()
    }

    @Test func `what the connector pins is what is asked for`() throws {
        for (form, served, asked) in [
            (Connector.DatagramForm.associate, [0xf3, 3], [3]), (.frames, [0xf3, 3], [0xf3]),
            (.frames, [3], [0xf3]), (.associate, [0xf3], [3]),
        ] as [(Connector.DatagramForm, Set<UInt8>, [UInt8])] {
            let bench = try DatagramNode.bench(Connector(.socks5, datagramForm: form))
            let node = try DatagramNode(bench.simulation, serves: served)
            let client = try bench.client()
            let bytes = bench.exchange(
                client, SOCKSBytes.greeting + SOCKSBytes.request(3, "0.0.0.0", 0),
                milliseconds: 1000)
            let reply = SOCKSBytes.reply(Array(bytes.dropFirst(2)))
            #expect((reply?.code == .succeeded) == served.contains(asked[0]))
            #expect(node.commands == asked)
        }
    }

    @Test func `an HTTP node is asked with a field, and gets frames`() throws {
        let bench = try DatagramNode.bench(Connector(.http(fields: [])))
        let node = try DatagramNode(bench.simulation, serves: [])
        let association = try exchange(bench)
        #expect(node.requests.count == 1)
        #expect(
            node.requests.first
                == "CONNECT  HTTP/1.1\r\nHost: \r\nX-Gost-Protocol: udp\r\n"
                + "Proxy-Connection: keep-alive\r\n\r\n", "as gost names no destination")
        #expect(association.payloads(from: Self.far) == [[1], [2, 2]])
        end(association, bench)
        #expect(bench.closed.first?.counts.uplinkPackets == 2)
        bench.expectRest()
    }

    @Test func `one that serves neither is a failure that is told, and rests for nobody`() throws {
        let bench = try DatagramNode.bench()
        let node = try DatagramNode(bench.simulation, serves: [1])
        for _ in 0..<2 {
            let client = try bench.client()
            let bytes = bench.exchange(
                client, SOCKSBytes.greeting + SOCKSBytes.request(3, "0.0.0.0", 0),
                milliseconds: 2000)
            #expect(SOCKSBytes.reply(Array(bytes.dropFirst(2)))?.code == .generalFailure)
        }
        #expect(node.commands == [0xf3, 3, 0xf3, 3])
        #expect(bench.lines.all.contains { $0.contains("'udp: true' may be missing there") })
        bench.simulation.run(milliseconds: 2000)
        bench.expectRest()
    }

    @Test func `behind another node only frames will do, unless the file says otherwise`() throws {
        for (form, isServed) in [(Connector.DatagramForm.any, false), (.associate, true)] {
            let before = ChainNode(
                name: "before", address: Destination(DatagramNode.endpoint),
                connector: Connector(.passThrough), member: DatagramNode.member)
            let bench = try DatagramNode.bench(
                Connector(.socks5, datagramForm: form), before: before)
            let node = try DatagramNode(bench.simulation, serves: [3])
            let client = try bench.client()
            let bytes = bench.exchange(
                client, SOCKSBytes.greeting + SOCKSBytes.request(3, "0.0.0.0", 0),
                milliseconds: 2000)
            let reply = SOCKSBytes.reply(Array(bytes.dropFirst(2)))
            #expect((reply?.code == .succeeded) == isServed)
            #expect(node.commands == (isServed ? [3] : [0xf3]))
            #expect(
                isServed
                    || bench.lines.all.contains { $0.contains("does not go through the nodes") })
        }
    }

    // MARK: Sizes and ends

    @Test(arguments: [0xf3, 3] as [UInt8])
    func `datagrams of all sizes go whole`(form: UInt8) throws {
        let bench = try DatagramNode.bench()
        let node = try DatagramNode(bench.simulation, serves: [form])
        // With ten bytes in front of each, this is what a datagram of IPv4 holds.
        let payloads = [1, 1472, 4097, 65_497].map { Payload.bytes($0, seed: 1) }
        let association = try exchange(bench, payloads)
        #expect(node.datagrams.map(\.payload.count) == payloads.map(\.count))
        #expect(association.payloads(from: Self.far).map(\.count) == payloads.map(\.count))
        end(association, bench)
        #expect(bench.closed.first?.counts.downlinkBytes == UInt64(payloads.joined().count))
    }

    @Test(arguments: [0xf3, 3] as [UInt8])
    func `when the node ends the association the client's ends too`(form: UInt8) throws {
        let bench = try DatagramNode.bench()
        let node = try DatagramNode(bench.simulation, serves: [form])
        let association = try exchange(bench)
        node.streams.last?.finish()
        bench.simulation.run(milliseconds: 2000)
        #expect(association.control.hasEnded || association.control.error != nil)
        let end = try #require(bench.closed.first?.end)
        #expect(end.by == .upstream && end.cause == .controlClosed)
        bench.expectRest()
    }

    // MARK: Names

    @Test(arguments: [0xf3, 3] as [UInt8])
    func `names go down as they are, and replies find their flows`(form: UInt8) throws {
        let bench = try DatagramNode.bench()
        let node = try DatagramNode(bench.simulation, serves: [form])
        let addresses = [0xcb00_7150, 0xcb00_7151].map { IPAddress(v4: $0) }
        node.addresses = ["one.example": [addresses[0]], "two.example": addresses.reversed()]
        let association = try Association(bench)
        func send(_ name: String, _ payload: [UInt8]) throws {
            let header: [UInt8] =
                [0, 0, 0, 3, UInt8(name.utf8.count)] + Array(name.utf8) + [0, 53]
            try association.socket.send(header + payload, to: association.relay)
            bench.simulation.run(milliseconds: 50)
        }
        try send("one.example", [1])
        try send("two.example", [2, 2])
        try send("one.example", [1])
        #expect(
            node.datagrams.map(\.destination)
                == ["one.example", "two.example", "one.example"].map {
                    Destination(host: .name($0), port: 53)
                })
        #expect(association.payloads(from: Endpoint(addresses[0], 53)) == [[1], [1]])
        #expect(association.payloads(from: Endpoint(addresses[1], 53)) == [[2, 2]])
        end(association, bench)
        let closed = bench.closed.sorted { $0.counts.uplinkPackets < $1.counts.uplinkPackets }
        #expect(closed.map(\.flow.host) == ["two.example", "one.example"])
        #expect(closed.map(\.counts.downlinkBytes) == [2, 2])
        #expect(closed.map(\.counts.downlinkPackets) == [1, 2])
        #expect(closed.map(\.counts.uplinkBytes) == [2, 2])
        bench.expectRest()
    }

    @Test func `a name with several addresses stays one flow, and nobody speaks for a stand-in`()
        throws
    {
        let bench = try DatagramNode.bench()
        let node = try DatagramNode(bench.simulation, serves: [0xf3])
        let addresses = [0xcb00_7150, 0xcb00_7151].map { IPAddress(v4: $0) }
        node.addresses = ["one.example": addresses]
        let association = try FramedAssociation(bench)
        for payload in [[1], [2], [3]] as [[UInt8]] {
            association.stream.send(FramedAssociation.frame("one.example", 53, payload))
            bench.simulation.run(milliseconds: 50)
        }
        #expect(
            association.datagrams.map(\.source)
                == [0, 1, 0].map { Destination(Endpoint(addresses[$0], 53)) })
        // The discard prefix stands for names in here: a node must not speak for it.
        let standIn = Endpoint(IPAddress(high: 0x0100_0000_0000_0000, low: 1), 53)
        node.streams.last?.send(FramedAssociation.frame(standIn, [9]))
        bench.simulation.run(milliseconds: 50)
        #expect(association.datagrams.count == 3)
        association.send([4], to: standIn)
        bench.simulation.run(milliseconds: 50)
        #expect(node.datagrams.count == 3)
        association.stream.close()
        bench.simulation.run(milliseconds: 2000)
        #expect(bench.closed.map(\.counts.downlinkPackets) == [3])
        bench.expectRest()
    }

    // MARK: Conservation

    /// Bursts through a node that may fail in the middle, with every fault of the kernel that loses
    /// no datagram.
    private func play(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let form: UInt8 = random.happens(0.5) ? 0xf3 : 3
        let fails = random.happens(0.3)
        let bench = try DatagramNode.bench(
            seed: seed, faults: .swarm(seed: seed, lossy: false))
        bench.simulation.kernel.bufferBytes = Int.random(in: 2000...200_000, using: &random)
        bench.simulation.kernel.latencyNanoseconds = 1000...1_000_000
        let node = try DatagramNode(bench.simulation, serves: [form])
        if fails { node.framesBeforeReset = Int.random(in: 1...60, using: &random) }
        let association = try FramedAssociation(bench)
        let fars = [Self.far, Endpoint(Self.far.address, 54)]
        var sent = 0
        for round in 0..<30 {
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let size = [1, 99, 1200, 8000, 40_000].randomElement(using: &random) ?? 1
                association.send(
                    Payload.bytes(size, seed: seed + UInt64(sent)),
                    to: fars[Int.random(in: 0...1, using: &random)])
                sent += 1
            }
            let isSlow = round % 3 == 0 && random.happens(0.5)
            association.stream.isPaused = isSlow
            node.streams.last?.isPaused = round % 4 == 0 && random.happens(0.5)
            if random.happens(0.5) { bench.simulation.run(milliseconds: 3) }
        }
        association.stream.isPaused = false
        node.streams.last?.isPaused = false
        bench.simulation.run(milliseconds: 3000)
        association.stream.close()
        bench.simulation.run(milliseconds: 3000)
        let counts = bench.closed.map(\.counts)
        func sum(_ value: (FlowCounts) -> UInt64) -> Int {
            counts.reduce(0) { $0 + Int(value($1)) }
        }
        let (arrived, received) = (
            node.datagrams.map(\.payload.count), association.datagrams.map(\.payload.count)
        )
        if form == 0xf3, fails {
            // What the kernel took for the stream may be lost with it.
            #expect(sum(\.uplinkPackets) >= arrived.count, "seed \(seed)")
            #expect(sum(\.downlinkPackets) >= received.count, "seed \(seed)")
        } else {
            #expect(sum(\.uplinkPackets) == arrived.count, "seed \(seed)")
            #expect(sum(\.uplinkBytes) == arrived.reduce(0, +), "seed \(seed)")
            #expect(sum(\.downlinkPackets) == received.count, "seed \(seed)")
            #expect(sum(\.downlinkBytes) == received.reduce(0, +), "seed \(seed)")
            #expect(sum(\.droppedPackets) == sent - received.count, "seed \(seed)")
        }
        #expect(sum(\.uplinkPackets) <= sent, "seed \(seed)")
        bench.expectRest("seed \(seed)")
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `over many seeds every datagram is delivered or counted as dropped`(_ tens: UInt64) throws
    {
        for seed in 0..<10 as Range<UInt64> { try play(17_000 + tens * 10 + seed) }
    }
}

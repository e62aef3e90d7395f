import Chance
import KernelTesting
import LinuxIO
import Metering
import Model
import Relay
import Routing
import Testing

@testable import Inbound

@Suite("Forwarding datagrams through a node", .timeLimit(.minutes(5)))
struct DatagramForwardTests {
    private static let target = Endpoint(IPAddress(v4: 0xcb00_7146), 53)
    private static let door = Endpoint(IPAddress(v4: 0xc633_6401), 5300)

    /// A forwarder of a bench's service.
    private func open(_ bench: InboundBench) throws -> DatagramForwarder {
        var forwarder: DatagramForwarder?
        bench.simulation.onLoop { _ in
            forwarder = try? DatagramService.make(bench.desk, at: Self.door, isShared: false)
            try? forwarder?.start()
        }
        return try #require(forwarder)
    }

    private func bench(
        to host: Destination.Host = .address(Self.target.address),
        _ connector: Connector = Connector(.socks5), seed: UInt64 = 1, faults: Faults = .none
    ) throws -> InboundBench {
        let targets = TargetList(
            [Destination(host: host, port: Self.target.port)], strategy: .fifo, maxFails: 1,
            failTimeoutMilliseconds: 10_000)
        return try DatagramNode.bench(
            connector, handler: .forward(targets), seed: seed, faults: faults)
    }

    private func stop(_ forwarder: DatagramForwarder, _ bench: InboundBench) {
        bench.simulation.onLoop { _ in
            forwarder.end(FlowEnd(by: .gateway, phase: .relay, cause: .shutdown))
        }
        bench.simulation.run(milliseconds: 2000)
        bench.expectRest()
    }

    @Test(arguments: [0xf3, 3, 0] as [UInt8])
    func `each client has a way and a flow of its own`(form: UInt8) throws {
        let bench = try bench(Connector(form == 0 ? .http(fields: []) : .socks5))
        let node = try DatagramNode(bench.simulation, serves: [form])
        let forwarder = try open(bench)
        let clients = try (0..<2).map { _ in
            try bench.simulation.peer(InboundBench.clientHost).bindDatagrams()
        }
        for number in 0..<3 as Range<UInt8> {
            for client in clients { try client.send([number, number], to: Self.door) }
        }
        bench.simulation.run(milliseconds: 500)
        for client in clients {
            #expect(client.received.map(\.bytes) == [[0, 0], [1, 1], [2, 2]])
            #expect(client.received.allSatisfy { $0.source == Self.door })
        }
        #expect(node.datagrams.allSatisfy { $0.destination == Destination(Self.target) })
        #expect(
            node.requests.allSatisfy { $0.hasPrefix("CONNECT 203.0.113.70:53 HTTP/1.1\r\n") })
        stop(forwarder, bench)
        let closed = bench.closed
        #expect(closed.count == 2)
        #expect(closed.allSatisfy { $0.counts.uplinkBytes == 6 && $0.counts.uplinkPackets == 3 })
        #expect(
            closed.allSatisfy { $0.counts.downlinkBytes == 6 && $0.counts.downlinkPackets == 3 })
        #expect(closed.allSatisfy { $0.flow.route == ["node"] && $0.flow.host == nil })
        #expect(closed.allSatisfy { $0.flow.destination == Self.target })
        #expect(closed.allSatisfy { $0.counts.overheadDownlinkBytes == 0 })
    }

    @Test func `a target's name goes down as it is`() throws {
        let bench = try bench(to: .name("target.example"))
        let node = try DatagramNode(bench.simulation, serves: [0xf3])
        let forwarder = try open(bench)
        let client = try bench.simulation.peer(InboundBench.clientHost).bindDatagrams()
        try client.send([1], to: Self.door)
        bench.simulation.run(milliseconds: 200)
        #expect(client.received.map(\.bytes) == [[1]])
        #expect(node.datagrams.map(\.destination.name) == ["target.example"])
        stop(forwarder, bench)
        let flow = try #require(bench.closed.first)
        #expect(flow.flow.host == "target.example")
        #expect(flow.flow.destination == Endpoint(.anyV4, 53))
        #expect(flow.counts.downlinkBytes == 1)
    }

    @Test func `after the node ended a flow the next datagram opens another`() throws {
        let bench = try bench()
        let node = try DatagramNode(bench.simulation, serves: [0xf3])
        let forwarder = try open(bench)
        let client = try bench.simulation.peer(InboundBench.clientHost).bindDatagrams()
        try client.send([1], to: Self.door)
        bench.simulation.run(milliseconds: 200)
        node.streams.last?.reset()
        bench.simulation.run(milliseconds: 200)
        #expect(bench.closed.map(\.end.cause) == [.reset])
        #expect(bench.closed.first?.end.by == .upstream)
        #expect(forwarder.sessionCount == 0)
        try client.send([2], to: Self.door)
        bench.simulation.run(milliseconds: 200)
        #expect(client.received.map(\.bytes) == [[1], [2]])
        #expect(node.streams.count == 2)
        stop(forwarder, bench)
    }

    @Test func `a node that is down is tried again after a second, and not for every datagram`()
        throws
    {
        let bench = try bench()
        let forwarder = try open(bench)
        let client = try bench.simulation.peer(InboundBench.clientHost).bindDatagrams()
        for _ in 0..<20 {
            try client.send([1], to: Self.door)
            bench.simulation.run(milliseconds: 100)
        }
        let tries = bench.lines.all.count { $0.hasPrefix("datagrams refused") }
        #expect((2...3).contains(tries), "\(tries)")
        let node = try DatagramNode(bench.simulation, serves: [0xf3])
        bench.simulation.run(milliseconds: 1000)
        try client.send([2], to: Self.door)
        bench.simulation.run(milliseconds: 200)
        #expect(client.received.map(\.bytes) == [[2]])
        #expect(node.datagrams.count == 1)
        #expect(forwarder.strayPackets == 20)
        stop(forwarder, bench)
    }

    /// Bursts of several clients through nodes that fail in the middle, with every fault of the
    /// kernel that loses no datagram.
    private func play(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let form: UInt8 = random.happens(0.5) ? 0xf3 : 3
        let fails = form == 0xf3 && random.happens(0.5)
        let bench = try bench(
            to: random.happens(0.5) ? .name("target.example") : .address(Self.target.address),
            seed: seed, faults: .swarm(seed: seed, lossy: false))
        bench.simulation.kernel.bufferBytes = Int.random(in: 2000...200_000, using: &random)
        let node = try DatagramNode(bench.simulation, serves: [form])
        if fails { node.framesBeforeReset = Int.random(in: 1...20, using: &random) }
        let forwarder = try open(bench)
        let host = bench.simulation.peer(InboundBench.clientHost)
        let clients = try (0..<3).map { _ in try host.bindDatagrams() }
        var sent = 0
        for _ in 0..<40 {
            let client = try #require(clients.randomElement(using: &random))
            let size = [1, 99, 1200, 8000, 40_000].randomElement(using: &random) ?? 1
            try client.send(Payload.bytes(size, seed: UInt64(sent)), to: Self.door)
            sent += 1
            if random.happens(0.5) { bench.simulation.run(milliseconds: 5) }
        }
        bench.simulation.run(milliseconds: 3000)
        stop(forwarder, bench)
        let counts = bench.closed.map(\.counts)
        func sum(_ value: (FlowCounts) -> UInt64) -> Int {
            counts.reduce(0) { $0 + Int(value($1)) }
        }
        let received = clients.flatMap(\.received).map(\.bytes.count)
        #expect(sum(\.downlinkPackets) == received.count, "seed \(seed)")
        #expect(sum(\.downlinkBytes) == received.reduce(0, +), "seed \(seed)")
        let (taken, arrived) = (sum(\.uplinkPackets), node.datagrams.count)
        #expect(fails ? taken >= arrived : taken == arrived, "seed \(seed)")
        // Each was taken by the kernel, or dropped by a flow, or came when there was none; of the
        // answers, some were dropped too, and some were lost with their stream.
        let accounted = taken + sum(\.droppedPackets) + Int(forwarder.strayPackets)
        if fails {
            #expect((sent...sent + arrived).contains(accounted), "seed \(seed)")
        } else {
            #expect(accounted == sent + arrived - received.count, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `over many seeds every datagram is delivered or counted as dropped`(_ tens: UInt64) throws
    {
        for seed in 0..<10 as Range<UInt64> { try play(27_000 + tens * 10 + seed) }
    }

    @Test(arguments: [0xf3, 3] as [UInt8])
    func `a target of IPv6 goes through a node of IPv4`(form: UInt8) throws {
        let target = try #require(IPAddress("2001:db8::7"))
        let bench = try bench(to: .address(target))
        let node = try DatagramNode(bench.simulation, serves: [form])
        let forwarder = try open(bench)
        let client = try bench.simulation.peer(InboundBench.clientHost).bindDatagrams()
        try client.send([1, 2], to: Self.door)
        bench.simulation.run(milliseconds: 200)
        #expect(node.datagrams.map(\.destination) == [Destination(Endpoint(target, 53))])
        #expect(client.received.map(\.bytes) == [[1, 2]])
        stop(forwarder, bench)
        #expect(bench.closed.map(\.counts.downlinkBytes) == [2])
    }

    @Test func `strangers with made-up addresses open so many ways and no more`() throws {
        let bench = try bench()
        let node = try DatagramNode(bench.simulation, serves: [0xf3])
        node.manner = .isSilent
        node.serves = []
        let forwarder = try open(bench)
        let host = bench.simulation.peer(InboundBench.clientHost)
        let clients = try (0..<Limits.waysAwaited + 40).map { _ in try host.bindDatagrams() }
        for client in clients { try client.send([1], to: Self.door) }
        bench.simulation.run(milliseconds: 500)
        #expect(node.streams.count == Limits.waysAwaited)
        #expect(bench.lines.all.count { $0.contains("too many clients wait") } == 40)
        bench.simulation.run(milliseconds: 15_000)
        stop(forwarder, bench)
        #expect(forwarder.strayPackets == UInt64(clients.count))
    }
}

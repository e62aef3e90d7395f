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
        _ connector: Connector = Connector(.socks5)
    ) throws -> InboundBench {
        let targets = TargetList(
            [Destination(host: host, port: Self.target.port)], strategy: .fifo, maxFails: 1,
            failTimeoutMilliseconds: 10_000)
        return try DatagramNode.bench(connector, handler: .forward(targets))
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

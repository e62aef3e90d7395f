import KernelTesting
import LinuxIO
import Model
import Relay
import Testing

@Suite("A forwarder's datagrams", .timeLimit(.minutes(2)))
struct ForwarderTests {
    private let bench = DatagramBench(seed: 32)
    private static let gateway = DatagramBench.gateway
    private static let named = Destination(host: .name("origin.example"), port: 53)

    private func end(_ forwarder: DatagramForwarder) {
        bench.simulation.onLoop { _ in
            forwarder.end(DatagramBench.shutdown)
            forwarder.end(DatagramBench.shutdown)
        }
        #expect(forwarder.sessionCount == 0)
        #expect(bench.openCount == 0)
        #expect(bench.simulation.kernel.openDescriptorCount == 0)
    }

    @Test(arguments: [0, 1, 1200, 65_507])
    func `datagrams of any size pass unchanged, both ways`(_ size: Int) throws {
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53) {
            try? $0.send($1.bytes, to: $1.source)
        }
        let forwarder = try bench.forward(to: Destination(server.endpoint))
        let socket = try bench.client.bindDatagrams()
        let bytes = Payload.bytes(size, seed: 1)
        try socket.send(bytes, to: Self.gateway)
        bench.simulation.settle()
        #expect(socket.received.map(\.source) == [Self.gateway])
        #expect(socket.received.map(\.bytes) == [bytes])
        end(forwarder)
        #expect(bench.totals.uplinkPackets == 1)
        #expect(bench.totals.downlinkPackets == 1)
        #expect(bench.totals.downlinkBytes == UInt64(size))
        #expect(bench.totals.overheadUplinkBytes + bench.totals.overheadDownlinkBytes == 0)
    }

    @Test func `datagrams wait for the target's name in order, as many as the bound allows`() throws
    {
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53)
        let forwarder = try bench.forward(to: Self.named)
        let socket = try bench.client.bindDatagrams()
        let bound = Limits.datagramsAwaitingName
        for number in 0..<UInt8(40) { try socket.send([number], to: Self.gateway) }
        bench.simulation.settle()
        bench.answer(server.endpoint)
        #expect(server.received.map(\.bytes) == (0..<UInt8(bound)).map { [$0] })
        #expect(forwarder.strayPackets == UInt64(40 - bound))
        end(forwarder)
        #expect(bench.ended.map(\.flow.host) == ["origin.example"])
        #expect(Int(bench.totals.uplinkPackets) == bound)
        #expect(forwarder.strayPackets == UInt64(40 - bound), "counted also when it is over")
    }

    @Test func `a client whose target was refused is asked about again, though it goes on sending`()
        throws
    {
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53)
        let forwarder = try bench.forward(to: Self.named, idleMilliseconds: 4000)
        let socket = try bench.client.bindDatagrams()
        try socket.send([0], to: Self.gateway)
        bench.simulation.settle()
        bench.answer(nil)
        for _ in 0..<6 {
            bench.simulation.run(milliseconds: 1000)
            try socket.send([1], to: Self.gateway)
            bench.simulation.settle()
        }
        #expect(bench.unanswered.count == 1)
        bench.answer(server.endpoint)
        #expect(!server.received.isEmpty)
        end(forwarder)
        #expect(forwarder.strayPackets + bench.totals.uplinkPackets == 7)
    }

    @Test func `replies come from the target only`() throws {
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53)
        let forwarder = try bench.forward(to: Destination(server.endpoint))
        let socket = try bench.client.bindDatagrams()
        try socket.send([1], to: Self.gateway)
        bench.simulation.settle()
        let outside = try #require(server.received.first?.source)
        try bench.simulation.peer("198.18.0.9").bindDatagrams(port: 53).send([2], to: outside)
        try server.send([3], to: outside)
        bench.simulation.settle()
        #expect(socket.received.map(\.bytes) == [[3]])
        end(forwarder)
        #expect(bench.totals.downlinkPackets == 1)
    }

    @Test func `a ruling ends the session; the next datagram begins another`() throws {
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53)
        let forwarder = try bench.forward(to: Destination(server.endpoint))
        let socket = try bench.client.bindDatagrams()
        try socket.send([1], to: Self.gateway)
        bench.simulation.settle()
        bench.cut(bench.flows(to: server.endpoint))
        #expect(forwarder.sessionCount == 0)
        try socket.send([2], to: Self.gateway)
        bench.simulation.settle()
        #expect(server.received.map(\.bytes) == [[1], [2]])
        end(forwarder)
        #expect(bench.ended.map(\.end.cause) == [.ruled, .shutdown])
    }
}

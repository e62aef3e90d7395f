import KernelTesting
import LinuxIO
import Model
import Relay
import Testing

@Suite("A SOCKS5 association's datagrams", .timeLimit(.minutes(2)))
struct AssociationTests {
    private let bench = DatagramBench(seed: 31)
    private static let gateway = DatagramBench.gateway
    /// The largest payload over IPv4.
    private static let datagramBytes = 65_507

    private func end(_ association: SOCKSAssociation) {
        bench.simulation.onLoop { _ in
            association.end(DatagramBench.shutdown)
            association.end(DatagramBench.shutdown)
        }
        #expect(bench.openCount == 0)
        #expect(bench.simulation.kernel.openDescriptorCount == 0)
    }

    private func server(_ address: String = "198.18.0.1") throws -> PeerDatagrams {
        try bench.simulation.peer(address).bindDatagrams(port: 53)
    }

    @Test func `the largest datagrams pass, and one that a header makes too large is dropped`()
        throws
    {
        let server = try server()
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        let header = DatagramBench.header(server.endpoint)
        let largest = Payload.bytes(Self.datagramBytes - header.count, seed: 1)
        try socket.send(header + largest, to: Self.gateway)
        bench.simulation.settle()
        #expect(server.received.map(\.bytes) == [largest])
        let outside = try #require(server.received.first?.source)
        try server.send(largest, to: outside)
        bench.simulation.settle()
        #expect(socket.received.map(\.bytes) == [header + largest])
        try server.send(Payload.bytes(Self.datagramBytes, seed: 2), to: outside)
        bench.simulation.settle()
        #expect(socket.received.count == 1)
        end(association)
        #expect(bench.totals.uplinkBytes == UInt64(largest.count))
        #expect(bench.totals.downlinkPackets == 1)
        #expect(bench.totals.droppedPackets == 1)
        #expect(bench.totals.overheadUplinkBytes == 10)
        #expect(bench.totals.overheadDownlinkBytes == 10)
    }

    @Test func `replies go to the port that the client used last, in a flow of its own`() throws {
        let server = try server()
        let association = try bench.associate()
        let (first, second) = (try bench.client.bindDatagrams(), try bench.client.bindDatagrams())
        let header = DatagramBench.header(server.endpoint)
        try first.send(header + [1], to: Self.gateway)
        try second.send(header + [2], to: Self.gateway)
        bench.simulation.settle()
        let outside = try #require(server.received.last?.source)
        #expect(server.received.map(\.source) == [outside, outside])
        try server.send([3], to: outside)
        bench.simulation.settle()
        #expect(first.received.isEmpty)
        #expect(second.received.map(\.bytes) == [header + [3]])
        #expect(bench.ended.map(\.end.cause) == [.finished])
        end(association)
        #expect(bench.ended.map(\.flow.client) == [first.endpoint, second.endpoint])
        #expect(bench.ended.map(\.counts.uplinkPackets) == [1, 1])
        #expect(bench.ended.map(\.counts.downlinkPackets) == [0, 1])
    }

    @Test func `a client that named its port is heard from there only`() throws {
        let server = try server()
        let own = try bench.client.bindDatagrams(port: 5555)
        let association = try bench.associate(clientPort: 5555)
        let header = DatagramBench.header(server.endpoint)
        try bench.client.bindDatagrams().send(header + [1], to: Self.gateway)
        try own.send(header + [2], to: Self.gateway)
        bench.simulation.settle()
        #expect(server.received.map(\.bytes) == [[2]])
        #expect(association.strayPackets == 1)
        end(association)
    }

    @Test func `one destination too many ends the flow that was quiet longest`() throws {
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        let bound = Limits.flowsPerAssociation
        func endpoint(_ number: Int) -> Endpoint {
            Endpoint(IPAddress(v4: 0xc612_0000 + UInt32(number)), 53)
        }
        for number in 0..<bound {
            try socket.send(DatagramBench.header(endpoint(number)) + [1], to: Self.gateway)
            if number % 100 == 0 { bench.simulation.run(milliseconds: 10) }
        }
        bench.simulation.run(milliseconds: 10)
        try socket.send(DatagramBench.header(endpoint(0)) + [2], to: Self.gateway)
        bench.simulation.run(milliseconds: 10)
        #expect(bench.openCount == bound)
        #expect(bench.ended.isEmpty)
        for number in bound..<(bound + 3) {
            try socket.send(DatagramBench.header(endpoint(number)) + [3], to: Self.gateway)
        }
        bench.simulation.run(milliseconds: 10)
        #expect(bench.openCount == bound)
        #expect(bench.ended.map(\.end.cause) == [.evicted, .evicted, .evicted])
        #expect(!bench.ended.contains { $0.flow.destination == endpoint(0) })
        let early = (1...100).map(endpoint)
        #expect(bench.ended.allSatisfy { early.contains($0.flow.destination) })
        end(association)
        #expect(Int(bench.totals.uplinkPackets) == bound + 4)
    }

    @Test func `datagrams wait for their name in order, as many as the bound allows`() throws {
        let server = try server()
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        let header = DatagramBench.header("origin.example", 53)
        for number in 0..<UInt8(40) { try socket.send(header + [number], to: Self.gateway) }
        bench.simulation.settle()
        #expect(bench.unanswered.count == 1, "one name is asked for once")
        #expect(server.received.isEmpty)
        let bound = Limits.datagramsAwaitingName
        #expect(association.strayPackets == UInt64(40 - bound))
        bench.answer(server.endpoint)
        #expect(server.received.map(\.bytes) == (0..<UInt8(bound)).map { [$0] })
        try socket.send(header + [99], to: Self.gateway)
        bench.simulation.settle()
        #expect(server.received.last?.bytes == [99])
        end(association)
        #expect(bench.ended.map(\.flow.host) == ["origin.example"])
        #expect(Int(bench.totals.uplinkPackets) == bound + 1)
        #expect(Int(bench.totals.overheadUplinkBytes) == (bound + 1) * header.count)
    }

    @Test func `names that are asked for are bounded, however many there are`() throws {
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        for number in 0..<3000 {
            try socket.send(
                DatagramBench.header("n\(number).example", 53) + [1], to: Self.gateway)
        }
        bench.simulation.settle()
        #expect(bench.unanswered.count == Limits.datagramsAwaitingName)
        #expect(association.strayPackets == UInt64(3000 - Limits.datagramsAwaitingName))
        bench.answer(nil)
        #expect(association.strayPackets == 3000)
        try socket.send(DatagramBench.header("late.example", 53) + [1], to: Self.gateway)
        bench.simulation.settle()
        #expect(bench.unanswered.count == 1)
        end(association)
        bench.answer(Endpoint(.loopbackV4, 53))
        #expect(bench.ended.isEmpty, "an answer that comes too late opens nothing")
    }

    @Test func `a name may lead at once to where a flow goes already`() throws {
        let server = try server()
        bench.names["origin.example"] = server.endpoint
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        let byName = DatagramBench.header("origin.example", 53)
        for bytes in [DatagramBench.header(server.endpoint) + [1], byName + [2], byName + [3]] {
            try socket.send(bytes, to: Self.gateway)
        }
        bench.simulation.settle()
        #expect(server.received.map(\.bytes) == [[1], [2], [3]])
        #expect(bench.openCount == 1)
        #expect(bench.askedCount == 2)
        end(association)
    }

    @Test func `a name that failed is asked for again after a while, one in use is not`() throws {
        let server = try server()
        let association = try bench.associate(idleMilliseconds: 8000)
        let socket = try bench.client.bindDatagrams()
        let (good, bad) = (
            DatagramBench.header("good.example", 53), DatagramBench.header("bad.example", 53)
        )
        try socket.send(good + [1], to: Self.gateway)
        bench.simulation.settle()
        bench.answer(server.endpoint)
        try socket.send(bad + [2], to: Self.gateway)
        bench.simulation.settle()
        bench.answer(nil)
        try socket.send(bad + [3], to: Self.gateway)
        bench.simulation.settle()
        #expect(bench.unanswered.isEmpty)
        #expect(association.strayPackets == 2)
        bench.simulation.run(milliseconds: 4000)
        try socket.send(good + [4], to: Self.gateway)
        try socket.send(bad + [5], to: Self.gateway)
        bench.simulation.settle()
        #expect(bench.unanswered.count == 1)
        bench.answer(server.endpoint)
        #expect(server.received.map(\.bytes) == [[1], [4], [5]])
        end(association)
    }

    @Test func `a destination without route costs its datagrams and nothing else`() throws {
        let server = try server()
        let nowhere = Endpoint(IPAddress(v4: 0xc612_0909), 53)
        bench.simulation.kernel.routes[nowhere.address] = .missing
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        for endpoint in [nowhere, server.endpoint, nowhere, server.endpoint] {
            try socket.send(DatagramBench.header(endpoint) + [1], to: Self.gateway)
        }
        bench.simulation.settle()
        #expect(server.received.count == 2)
        end(association)
        #expect(bench.totals.uplinkPackets == 2)
        #expect(bench.totals.droppedPackets == 2)
    }

    @Test func `a quiet flow ends, a busy one and the association go on`() throws {
        let (quiet, busy) = (try server("198.18.0.1"), try server("198.18.0.2"))
        let association = try bench.associate(idleMilliseconds: 10_000)
        let socket = try bench.client.bindDatagrams()
        try socket.send(DatagramBench.header(quiet.endpoint) + [1], to: Self.gateway)
        for _ in 0..<5 {
            try socket.send(DatagramBench.header(busy.endpoint) + [1], to: Self.gateway)
            bench.simulation.run(milliseconds: 3000)
        }
        #expect(bench.ended.map(\.flow.destination) == [quiet.endpoint])
        #expect(bench.ended.map(\.end.cause) == [.idle])
        try socket.send(DatagramBench.header(quiet.endpoint) + [2], to: Self.gateway)
        bench.simulation.settle()
        #expect(quiet.received.map(\.bytes) == [[1], [2]])
        end(association)
        #expect(bench.ended.count == 3)
    }

    @Test func `a ruling ends one flow of an association`() throws {
        let (one, two) = (try server("198.18.0.1"), try server("198.18.0.2"))
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        for server in [one, two] {
            try socket.send(DatagramBench.header(server.endpoint) + [1], to: Self.gateway)
        }
        bench.simulation.settle()
        let outside = try #require(one.received.first?.source)
        bench.cut(bench.flows(to: one.endpoint))
        #expect(bench.ended.map(\.end.cause) == [.ruled])
        for server in [one, two] { try server.send([7], to: outside) }
        bench.simulation.settle()
        #expect(socket.received.map(\.bytes) == [DatagramBench.header(two.endpoint) + [7]])
        #expect(association.strayPackets == 1)
        end(association)
    }
}

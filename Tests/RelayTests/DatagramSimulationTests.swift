import KernelTesting
import LinuxIO
import Model
import Relay
import Testing

@Suite("Datagram relays on the simulated kernel", .timeLimit(.minutes(5)))
struct DatagramSimulationTests {
    private static let shutdown = DatagramBench.shutdown

    /// Sends bursts of numbered datagrams of mixed sizes, some as trains; returns all payloads.
    private func burst(
        _ socket: PeerDatagrams, header: [UInt8], seed: UInt64, bench: DatagramBench
    ) throws -> [[UInt8]] {
        var payloads: [[UInt8]] = []
        for number in 0..<40 {
            let size = [0, 1, 200, 1200, 1200, 1200, 9000][(number + Int(seed)) % 7]
            let count = size == 0 ? 1 : number % 6 + 1
            let pieces = (0..<count).map { piece in
                Payload.bytes(size, seed: seed * 10_000 + UInt64(number * 100 + piece))
            }
            payloads += pieces
            let train = pieces.flatMap { header + $0 }
            try socket.send(
                train, to: DatagramBench.gateway,
                segmentBytes: count > 1 ? header.count + size : 0)
            if number % 5 == 0 { bench.simulation.run(milliseconds: 5) }
        }
        bench.simulation.run(milliseconds: 100)
        return payloads
    }

    @Test(arguments: 1...16 as ClosedRange<UInt64>)
    func `what the meter counts is what arrived, and the rest is counted as dropped`(
        _ seed: UInt64
    ) throws {
        let bench = DatagramBench(seed: seed, faults: .swarm(seed: seed, lossy: false))
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53) {
            try? $0.send($1.bytes, to: $1.source)
        }
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        let header = DatagramBench.header(server.endpoint)
        let sent = try burst(socket, header: header, seed: seed, bench: bench)
        bench.simulation.onLoop { _ in association.end(Self.shutdown) }
        let totals = bench.totals
        let arrived = server.received.map(\.bytes)
        #expect(!arrived.isEmpty)
        #expect(isSubsequence(arrived, of: sent), "seed \(seed)")
        #expect(Int(totals.uplinkPackets) == arrived.count, "seed \(seed)")
        #expect(Int(totals.uplinkBytes) == arrived.reduce(0) { $0 + $1.count })
        #expect(Int(totals.downlinkPackets) == socket.received.count, "seed \(seed)")
        #expect(socket.received.allSatisfy { $0.source == DatagramBench.gateway })
        #expect(socket.received.allSatisfy { $0.bytes.starts(with: header) })
        #expect(
            Int(totals.downlinkBytes)
                == socket.received.reduce(0) { $0 + $1.bytes.count - header.count })
        #expect(
            Int(totals.droppedPackets) == sent.count - arrived.count
                + arrived.count - socket.received.count, "seed \(seed)")
        #expect(bench.simulation.kernel.openDescriptorCount == 0)
    }

    @Test(arguments: 1...16 as ClosedRange<UInt64>)
    func `a forwarder gives each client its own socket and its own replies`(
        _ seed: UInt64
    ) throws {
        let bench = DatagramBench(seed: seed, faults: .swarm(seed: seed, lossy: true))
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53) {
            try? $0.send($1.bytes, to: $1.source)
        }
        let target = Destination(server.endpoint)
        let forwarder = try bench.forward(to: target)
        let clients = try (0..<5).map { _ in try bench.client.bindDatagrams() }
        var sent: [[[UInt8]]] = []
        for (number, client) in clients.enumerated() {
            sent.append(
                try burst(client, header: [], seed: seed * 5 + UInt64(number), bench: bench))
        }
        bench.simulation.run(milliseconds: 500)
        bench.simulation.onLoop { _ in forwarder.end(Self.shutdown) }
        for (client, payloads) in zip(clients, sent) {
            let own = Set(payloads.map(Payload.digest))
            #expect(client.received.allSatisfy { own.contains(Payload.digest($0.bytes)) })
        }
        let repeats = bench.simulation.kernel.faults.repeatedDatagrams > 0
        let all = sent.reduce(0) { $0 + $1.count }
        #expect(repeats || Int(bench.totals.uplinkPackets) <= all, "seed \(seed)")
        #expect(bench.simulation.kernel.openDescriptorCount == 0)
    }

    @Test func `trains stay trains on a path that takes them`() throws {
        let bench = DatagramBench(seed: 1)
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53)
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        let header = DatagramBench.header(server.endpoint)
        let driver = bench.simulation.drivers[0]
        driver.resetCalls()
        let train = (0..<50).flatMap { header + Payload.bytes(1200, seed: $0) }
        try socket.send(train, to: DatagramBench.gateway, segmentBytes: header.count + 1200)
        bench.simulation.settle()
        #expect(server.received.map(\.bytes.count) == [Int](repeating: 1200, count: 50))
        #expect(driver.calls[.sendDatagrams] == 1, "one call for 50 datagrams")
        bench.simulation.onLoop { _ in association.end(Self.shutdown) }
        #expect(bench.totals.uplinkPackets == 50)
    }

    @Test(arguments: [[0, 0, 0], [5, 0], [5, 5, 0], [0, 5]])
    func `empty replies in a row are delivered and counted`(_ sizes: [Int]) throws {
        let bench = DatagramBench(seed: 1)
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53)
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        let header = DatagramBench.header(server.endpoint)
        try socket.send(header + [1], to: DatagramBench.gateway)
        bench.simulation.settle()
        let outside = try #require(server.received.first?.source)
        for size in sizes { try server.send([UInt8](repeating: 7, count: size), to: outside) }
        bench.simulation.settle()
        #expect(
            socket.received.map(\.bytes)
                == sizes.map { header + [UInt8](repeating: 7, count: $0) })
        bench.simulation.onLoop { _ in association.end(Self.shutdown) }
        #expect(Int(bench.totals.downlinkPackets) == sizes.count)
        #expect(Int(bench.totals.downlinkBytes) == sizes.reduce(0, +))
    }

    @Test func `a path that refuses trains gets every datagram by itself`() throws {
        let bench = DatagramBench(seed: 1)
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53)
        let association = try bench.associate()
        let header = DatagramBench.header(server.endpoint)
        let train = (0..<20).flatMap { header + Payload.bytes(700, seed: $0) }
        let socket = try bench.client.bindDatagrams()
        try socket.send(train, to: DatagramBench.gateway, segmentBytes: header.count + 700)
        bench.simulation.kernel.faults.refusedTrains = 1
        bench.simulation.settle()
        #expect(server.received.map(\.bytes) == (0..<20).map { Payload.bytes(700, seed: $0) })
        bench.simulation.onLoop { _ in association.end(Self.shutdown) }
        #expect(bench.totals.uplinkPackets == 20)
        #expect(bench.totals.droppedPackets == 0)
    }

    @Test func `fragments, strangers and unknown senders are dropped and not billed`() throws {
        let bench = DatagramBench(seed: 1)
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53)
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        let header = DatagramBench.header(server.endpoint)
        try socket.send(header + [1], to: DatagramBench.gateway)
        try socket.send(
            DatagramBench.header(server.endpoint, fragment: 1) + [2], to: DatagramBench.gateway)
        try socket.send([0, 0, 0], to: DatagramBench.gateway)
        try bench.simulation.peer("203.0.113.10").bindDatagrams()
            .send(header + [3], to: DatagramBench.gateway)
        bench.simulation.settle()
        let outside = try #require(server.received.first?.source)
        try bench.simulation.peer("198.18.0.9").bindDatagrams(port: 53).send([4], to: outside)
        bench.simulation.settle()
        #expect(server.received.map(\.bytes) == [[1]])
        #expect(socket.received.isEmpty)
        bench.simulation.onLoop { _ in association.end(Self.shutdown) }
        #expect(association.strayPackets == 4)
        #expect(bench.totals.uplinkPackets == 1)
        #expect(bench.totals.downlinkPackets == 0)
    }

    @Test func `a quiet flow ends, and the next datagram opens another`() throws {
        let bench = DatagramBench(seed: 1)
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53)
        let forwarder = try bench.forward(
            to: Destination(server.endpoint), idleMilliseconds: 10_000)
        let socket = try bench.client.bindDatagrams()
        try socket.send([1], to: DatagramBench.gateway)
        bench.simulation.run(milliseconds: 9000)
        #expect(forwarder.sessionCount == 1)
        bench.simulation.run(milliseconds: 6000)
        #expect(forwarder.sessionCount == 0)
        #expect(bench.ended.map(\.end.cause) == [.idle])
        try socket.send([2], to: DatagramBench.gateway)
        bench.simulation.run(milliseconds: 100)
        #expect(server.received.map(\.bytes) == [[1], [2]])
        bench.simulation.onLoop { _ in forwarder.end(Self.shutdown) }
        #expect(bench.ended.map(\.counts.uplinkPackets) == [1, 1])
    }

    private func isSubsequence(_ some: [[UInt8]], of all: [[UInt8]]) -> Bool {
        var rest = all[...]
        for bytes in some {
            guard let index = rest.firstIndex(where: { Payload.areEqual($0, bytes) })
            else { return false }
            rest = rest[(index + 1)...]
        }
        return true
    }
}

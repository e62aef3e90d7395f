import Chance
import KernelTesting
import LinuxIO
import Loop
import Metering
import Model
import Relay
import Testing

@Suite("Conservation over many seeds", .timeLimit(.minutes(5)))
struct ManySeedsTests {
    private static let seeds: [ClosedRange<UInt64>] = (0..<20).map {
        1000 + $0 * 10...1009 + $0 * 10
    }

    /// One flow with payloads of a size that the seed chooses, answered by a payload of its own.
    private func relay(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let simulation = Simulation(seed: seed, faults: .swarm(seed: seed, lossy: false))
        simulation.kernel.latencyNanoseconds = 1000...1_000_000
        simulation.kernel.bufferBytes = Int.random(in: 1000...100_000, using: &random)
        if random.happens(0.3) { simulation.kernel.segmentBytes = 1448 }
        let up = Payload.bytes(Int.random(in: 0...200_000, using: &random), seed: seed)
        let down = Payload.bytes(Int.random(in: 0...200_000, using: &random), seed: seed + 1)
        let endsFirst = random.happens(0.5)
        let server = try simulation.peer("198.18.0.1").listen(port: 80) { stream in
            stream.send(down)
            if endsFirst { stream.finish() } else { stream.onEnd = { $0.finish() } }
        }
        let gateway = Endpoint(IPAddress(v4: 0xc633_6401), 1080)
        var made: RelayService?
        simulation.onLoop { loop in
            made = try? RelayService(
                at: gateway, upstream: server.endpoint, idleMilliseconds: 300_000, loop: loop)
        }
        let service = try #require(made)
        let client = try simulation.peer("203.0.113.9").connect(to: gateway)
        client.send(up)
        client.finish()
        #expect(simulation.run { client.hasFinished }, "seed \(seed): a flow hangs")
        simulation.run(milliseconds: 2000)
        simulation.onLoop { _ in service.close() }
        let arrived = server.connections.first?.received ?? []
        #expect(Payload.areEqual(arrived, up), "seed \(seed)")
        #expect(Payload.areEqual(client.received, down), "seed \(seed)")
        let totals = service.events.compactMap { event -> FlowCounts? in
            if case .closed(_, let counts, _, _, _) = event { counts } else { nil }
        }
        #expect(totals.map(\.uplinkBytes) == [UInt64(up.count)], "seed \(seed)")
        #expect(totals.map(\.downlinkBytes) == [UInt64(down.count)], "seed \(seed)")
        #expect(simulation.kernel.openDescriptorCount == 0, "seed \(seed)")
    }

    @Test(arguments: seeds)
    func `a stream's bytes arrive as they were and are counted once`(
        _ seeds: ClosedRange<UInt64>
    ) throws {
        for seed in seeds { try relay(seed) }
    }

    /// Bursts through an association, echoed, with every fault and loss.
    private func associate(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let bench = DatagramBench(seed: seed, faults: .swarm(seed: seed, lossy: false))
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53) {
            try? $0.send($1.bytes, to: $1.source)
        }
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        let header = DatagramBench.header(server.endpoint)
        var sent = 0
        for _ in 0..<10 {
            let size = [0, 1, 99, 1200, 1200, 8000].randomElement(using: &random) ?? 0
            let count = Int.random(in: 1...7, using: &random)
            let train = (0..<count).flatMap {
                header + Payload.bytes(size, seed: seed + UInt64($0))
            }
            try socket.send(
                train, to: DatagramBench.gateway,
                segmentBytes: count > 1 ? header.count + size : 0)
            sent += count
            if random.happens(0.3) { bench.simulation.run(milliseconds: 3) }
        }
        bench.simulation.run(milliseconds: 200)
        bench.simulation.onLoop { _ in association.end(DatagramBench.shutdown) }
        let totals = bench.totals
        let (up, down) = (server.received, socket.received)
        #expect(Int(totals.uplinkPackets) == up.count, "seed \(seed)")
        #expect(Int(totals.uplinkBytes) == up.reduce(0) { $0 + $1.bytes.count }, "seed \(seed)")
        #expect(Int(totals.downlinkPackets) == down.count, "seed \(seed)")
        let received = down.reduce(0) { $0 + $1.bytes.count }
        #expect(
            Int(totals.downlinkBytes + totals.overheadDownlinkBytes) == received, "seed \(seed)")
        #expect(Int(totals.overheadDownlinkBytes) == down.count * header.count, "seed \(seed)")
        #expect(Int(totals.overheadUplinkBytes) == sent * header.count, "seed \(seed)")
        #expect(Int(totals.droppedPackets) == sent - down.count, "seed \(seed)")
    }

    @Test(arguments: seeds)
    func `an association's datagrams are delivered or counted as dropped`(
        _ seeds: ClosedRange<UInt64>
    ) throws {
        for seed in seeds { try associate(seed) }
    }
}

import KernelTesting
import Limiting
import LinuxIO
import Loop
import Metering
import Model
import Testing

@Suite("Stream relays with limits", .timeLimit(.minutes(5)))
struct LimitedRelayTests {
    private static let gateway = Endpoint(IPAddress(v4: 0xc633_6401), 1080)

    private final class Bench {
        let simulation: Simulation
        let server: PeerListener
        var services: [RelayService] = []

        init(
            _ limits: [any LimitSource], loops: Int = 1, faults: Faults = .none, seed: UInt64 = 1,
            onConnection: ((PeerStream) -> Void)? = nil
        ) throws {
            simulation = Simulation(seed: seed, loops: loops, faults: faults)
            simulation.kernel.latencyNanoseconds = 10_000...100_000
            server = try simulation.peer("198.18.0.1").listen(
                port: 80, onConnection: onConnection)
            let upstream = server.endpoint
            for index in 0..<loops {
                simulation.onLoop(index) { loop in
                    let service = try? RelayService(
                        at: LimitedRelayTests.gateway, upstream: upstream,
                        idleMilliseconds: 600_000, loop: loop, limits: limits)
                    if let service { services.append(service) }
                }
            }
            #expect(services.count == loops)
        }

        func connect(from host: String = "203.0.113.9") throws -> PeerStream {
            try simulation.peer(host).connect(to: LimitedRelayTests.gateway)
        }

        var uplinkBytes: Int { server.connections.reduce(0) { $0 + $1.received.count } }

        /// Closes all and checks that nothing is left.
        func finish() {
            for index in simulation.loops.indices {
                simulation.onLoop(index) { _ in services[index].close() }
            }
            #expect(services.allSatisfy { $0.shaper.flowCount == 0 })
            #expect(services.allSatisfy { $0.shaper.allowanceCount == 0 })
            #expect(simulation.kernel.openDescriptorCount == 0)
        }
    }

    private func limits(
        _ key: LimitKey, uplink: Int? = nil, downlink: Int? = nil, burst: Int? = nil
    ) -> [any LimitSource] {
        let rate = { (bytes: Int) in ByteRate(bytesPerSecond: bytes, burstBytes: burst) }
        return [
            LimiterUse(
                TrafficLimiter([
                    (key, TrafficRates(uplink: uplink.map(rate), downlink: downlink.map(rate)))
                ]))
        ]
    }

    @Test(arguments: [1000, 100_000, 2_000_000, 50_000_000])
    func `from the first second on the rate holds, and is used`(_ rate: Int) throws {
        let bench = try Bench(limits(.everything, uplink: rate))
        let client = try bench.connect()
        client.send(Payload.bytes(4 * rate, seed: 1))
        bench.simulation.run(milliseconds: 5)
        for second in 1...3 {
            bench.simulation.run(milliseconds: 1000)
            #expect(bench.uplinkBytes <= second * rate + rate / 10)
            #expect(bench.uplinkBytes >= second * rate - rate / 10)
        }
        client.finish()
        #expect(bench.simulation.run { bench.server.connections.first?.hasEnded == true })
        #expect(bench.server.connections[0].received == Payload.bytes(4 * rate, seed: 1))
        bench.server.connections[0].finish()
        #expect(bench.simulation.run { client.hasFinished })
        bench.finish()
    }

    @Test func `each direction has its own rate`() throws {
        let bench = try Bench(limits(.everything, uplink: 10_000, downlink: 500_000)) {
            $0.send(Payload.bytes(2_000_000, seed: 2))
        }
        let client = try bench.connect()
        client.send(Payload.bytes(40_000, seed: 1))
        bench.simulation.run(milliseconds: 2000)
        #expect(bench.uplinkBytes <= 20_600)
        #expect(bench.uplinkBytes > 19_000)
        #expect(client.received.count <= 1_030_000)
        #expect(client.received.count > 970_000)
    }

    @Test func `connections of all loops share one bucket, and each gets its part`() throws {
        let bench = try Bench(limits(.everything, uplink: 1_000_000), loops: 2)
        let clients = try (0..<8).map { _ in try bench.connect() }
        for client in clients { client.send(Payload.bytes(5_000_000, seed: 1)) }
        bench.simulation.run(milliseconds: 10_000)
        #expect(bench.uplinkBytes <= 10_100_000)
        #expect(bench.uplinkBytes > 9_500_000)
        #expect(bench.server.connections.allSatisfy { $0.received.count > 400_000 })
    }

    @Test func `an address has one bucket for all its connections, $$ one for each`() throws {
        for (key, most) in [(LimitKey.eachAddress, 2_100_000), (.eachConnection, 4_200_000)] {
            let bench = try Bench(limits(key, uplink: 100_000))
            for host in ["203.0.113.8", "203.0.113.9"] {
                for _ in 0..<2 {
                    try bench.connect(from: host).send(Payload.bytes(3_000_000, seed: 1))
                }
            }
            bench.simulation.run(milliseconds: 10_000)
            #expect(bench.uplinkBytes <= most)
            #expect(bench.uplinkBytes > most * 9 / 10)
        }
    }

    @Test func `while a flow waits for its limit nothing is read`() throws {
        let bench = try Bench(limits(.everything, uplink: 100, burst: 100))
        let client = try bench.connect()
        client.send(Payload.bytes(5000, seed: 1))
        bench.simulation.run(milliseconds: 3000)
        let calls = bench.simulation.drivers[0].calls
        #expect((calls[.receive] ?? 0) < 60)
    }

    @Test(arguments: 1...16 as ClosedRange<UInt64>)
    func `with limits all bytes arrive and are metered once, whatever the faults`(
        _ seed: UInt64
    ) throws {
        let bench = try Bench(
            limits(.everything, uplink: 400_000, downlink: 900_000), loops: 2,
            faults: .swarm(seed: seed, lossy: false), seed: seed
        ) { stream in
            stream.send(Payload.bytes(Int(stream.remote.port) * 7 % 200_000, seed: 3))
            stream.onEnd = { $0.finish() }
        }
        let clients = try (0..<8).map { number in
            let stream = try bench.connect()
            stream.send(Payload.bytes(number * 30_000, seed: UInt64(number)))
            stream.finish()
            return stream
        }
        let isDone = bench.simulation.run { clients.allSatisfy(\.hasFinished) }
        #expect(isDone, "seed \(seed): a flow hangs")
        bench.simulation.run(milliseconds: 2000)
        let digests = { (payloads: [[UInt8]]) in payloads.map(Payload.digest).sorted() }
        #expect(
            digests(bench.server.connections.map(\.received))
                == digests((0..<8).map { Payload.bytes($0 * 30_000, seed: UInt64($0)) }))
        bench.finish()
        var counts: [FlowCounts] = []
        for event in bench.services.flatMap(\.events) {
            if case .closed(_, let totals, _, _, _) = event { counts.append(totals) }
        }
        #expect(
            counts.map(\.uplinkBytes).sorted() == (0..<8).map { UInt64($0 * 30_000) },
            "seed \(seed)")
        #expect(
            counts.map(\.downlinkBytes).sorted()
                == clients.map { UInt64($0.received.count) }.sorted(), "seed \(seed)")
    }

    @Test func `flows that are reset while they wait leave nothing behind`() throws {
        let bench = try Bench(limits(.everything, uplink: 10_000))
        let clients = try (0..<5).map { _ in try bench.connect() }
        for client in clients { client.send(Payload.bytes(100_000, seed: 1)) }
        bench.simulation.run(milliseconds: 300)
        for client in clients { client.reset() }
        // What they had sent before is still delivered, at the rate.
        bench.simulation.run(milliseconds: 60_000)
        bench.finish()
    }
}

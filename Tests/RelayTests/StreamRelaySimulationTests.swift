import KernelTesting
import LinuxIO
import Loop
import Metering
import Model
import Testing

@Suite("Stream relays on the simulated kernel", .timeLimit(.minutes(5)))
struct StreamRelaySimulationTests {
    /// One relaying gateway between clients and a server.
    private struct Bench {
        let simulation: Simulation
        let server: PeerListener
        let client: SimulatedPeer
        let service: RelayService

        init(
            seed: UInt64, faults: Faults = .none, idleMilliseconds: UInt64 = 300_000,
            onConnection: ((PeerStream) -> Void)? = nil
        ) throws {
            simulation = Simulation(seed: seed)
            simulation.kernel.latencyNanoseconds = 10_000...2_000_000
            client = simulation.peer("203.0.113.9")
            server = try simulation.peer("198.18.0.1").listen(
                port: 80, onConnection: onConnection)
            let upstream = server.endpoint
            var service: RelayService?
            simulation.onLoop { loop in
                service = try? RelayService(
                    at: StreamRelaySimulationTests.gateway, upstream: upstream,
                    idleMilliseconds: idleMilliseconds, loop: loop)
            }
            self.service = try #require(service)
            simulation.kernel.faults = faults
        }

        func connect() throws -> PeerStream {
            try client.connect(to: StreamRelaySimulationTests.gateway)
        }

        /// Ends the service, checks that nothing is left of it, and sums its flows.
        func finish() throws -> [FlowCounts] {
            simulation.run(milliseconds: 2000)
            simulation.onLoop { _ in service.close() }
            #expect(service.openCount == 0)
            #expect(simulation.kernel.openDescriptorCount == 0)
            #expect(simulation.loops[0].registrationCount == 0)
            return try totals()
        }

        /// Each flow's totals; checks the order of what was told of it.
        private func totals() throws -> [FlowCounts] {
            var open: [FlowID: FlowCounts] = [:]
            var closed: [FlowCounts] = []
            for event in service.events {
                switch event {
                case .opened(let flow):
                    #expect(open.updateValue(FlowCounts(), forKey: flow.id) == nil)
                case .counted(let flow, let counts, _):
                    let earlier = try #require(open[flow.id], "counts of no open flow")
                    #expect(counts.uplinkBytes >= earlier.uplinkBytes)
                    #expect(counts.downlinkBytes >= earlier.downlinkBytes)
                    open[flow.id] = counts
                case .packets:
                    Issue.record("nobody asked for single packets")
                case .closed(let flow, let counts, _, _, _):
                    #expect(open.removeValue(forKey: flow.id) != nil, "closed once")
                    closed.append(counts)
                }
            }
            #expect(open.isEmpty)
            return closed
        }
    }

    fileprivate static var gateway: Endpoint { Endpoint(IPAddress(v4: 0xc633_6401), 1080) }

    private func digests(_ payloads: [[UInt8]]) -> [UInt64] {
        payloads.map(Payload.digest).sorted()
    }

    @Test(arguments: 1...24 as ClosedRange<UInt64>)
    func `all bytes arrive and are metered once, whatever the faults`(_ seed: UInt64) throws {
        let bench = try Bench(seed: seed, faults: .swarm(seed: seed, lossy: false)) { stream in
            let length = Int(stream.remote.port) * 37 % 900_000
            stream.send(Payload.bytes(length, seed: UInt64(stream.remote.port)))
            stream.onEnd = { $0.finish() }
        }
        bench.simulation.kernel.bufferBytes = seed % 3 == 0 ? 10_000 : 200_000
        let clients = try (0..<8).map { number in
            let stream = try bench.connect()
            stream.send(Payload.bytes(number * number * 20_000 + number, seed: UInt64(number)))
            stream.finish()
            return stream
        }
        let isDone = bench.simulation.run { clients.allSatisfy(\.hasFinished) }
        #expect(isDone, "seed \(seed): a flow hangs")
        let totals = try bench.finish()
        #expect(totals.count == clients.count)
        let servers = bench.server.connections
        let sent = (0..<8).map { Payload.bytes($0 * $0 * 20_000 + $0, seed: UInt64($0)) }
        let replies = servers.map { server in
            Payload.bytes(
                Int(server.remote.port) * 37 % 900_000, seed: UInt64(server.remote.port))
        }
        #expect(digests(servers.map(\.received)) == digests(sent), "seed \(seed)")
        #expect(digests(clients.map(\.received)) == digests(replies), "seed \(seed)")
        #expect(totals.map(\.uplinkBytes).sorted() == sent.map { UInt64($0.count) }.sorted())
        #expect(
            totals.map(\.downlinkBytes).sorted()
                == clients.map { UInt64($0.received.count) }.sorted())
        #expect(bench.service.ends.allSatisfy { $0.cause == .finished })
    }

    @Test(arguments: 1...24 as ClosedRange<UInt64>)
    func `with resets no byte is invented, repeated or metered twice`(_ seed: UInt64) throws {
        let bench = try Bench(
            seed: seed, faults: .swarm(seed: seed, lossy: true), idleMilliseconds: 20_000
        ) { stream in
            stream.send(Payload.bytes(300_000, seed: 99))
            stream.onEnd = { $0.finish() }
        }
        let clients = try (0..<8).map { number in
            let stream = try bench.connect()
            stream.send(Payload.bytes(number * 60_000, seed: 7))
            stream.finish()
            return stream
        }
        bench.simulation.run(milliseconds: 200_000)
        for stream in clients { stream.close() }
        let totals = try bench.finish()
        #expect(clients.allSatisfy { Payload.isStart($0.received, seed: 99) }, "seed \(seed)")
        #expect(
            bench.server.connections.allSatisfy { Payload.isStart($0.received, seed: 7) },
            "seed \(seed)")
        let arrivedUp = bench.server.connections.reduce(0) { $0 + $1.received.count }
        let arrivedDown = clients.reduce(0) { $0 + $1.received.count }
        #expect(totals.reduce(0) { $0 + Int($1.uplinkBytes) } >= arrivedUp, "seed \(seed)")
        #expect(totals.reduce(0) { $0 + Int($1.downlinkBytes) } >= arrivedDown, "seed \(seed)")
        #expect(totals.allSatisfy { $0.downlinkBytes <= 300_000 })
    }

    @Test func `bulk goes through pipes, and the pipes come back`() throws {
        let bench = try Bench(seed: 2)
        let client = try bench.connect()
        client.send(Payload.bytes(5_000_000, seed: 1))
        client.finish()
        #expect(
            bench.simulation.run {
                bench.server.connections.first?.received.count == 5_000_000
            })
        #expect(bench.simulation.drivers[0].calls[.splice] ?? 0 > 0)
        bench.server.connections.first?.finish()
        #expect(bench.simulation.run { client.hasFinished })
        #expect(try bench.finish().map(\.uplinkBytes) == [5_000_000])
    }

    @Test func `while one side does not read, the other is not read either`() throws {
        let bench = try Bench(seed: 4) { $0.isPaused = true }
        let client = try bench.connect()
        client.send(Payload.bytes(8_000_000, seed: 1))
        bench.simulation.run(milliseconds: 5000)
        let server = try #require(bench.server.connections.first)
        let held = 8_000_000 - client.unsentCount - server.unreadCount
        #expect(held < 4_000_000, "the gateway holds \(held) bytes")
        let calls = bench.simulation.drivers[0].calls
        bench.simulation.run(milliseconds: 60_000)
        let later = bench.simulation.drivers[0].calls
        #expect(later[.receive] == calls[.receive])
        #expect(later[.splice] == calls[.splice])
        server.isPaused = false
        client.finish()
        server.finish()
        #expect(bench.simulation.run { client.hasFinished && server.hasFinished })
        #expect(Payload.isStart(server.received, seed: 1))
        #expect(server.received.count == 8_000_000)
        #expect(try bench.finish().map(\.uplinkBytes) == [8_000_000])
    }

    @Test func `one direction ends and the other goes on`() throws {
        let bench = try Bench(seed: 5)
        let client = try bench.connect()
        client.send("question")
        client.finish()
        #expect(bench.simulation.run { bench.server.connections.first?.hasEnded == true })
        let server = try #require(bench.server.connections.first)
        bench.simulation.run(milliseconds: 30_000)
        #expect(!client.hasEnded)
        server.send("answer")
        server.finish()
        #expect(bench.simulation.run { client.hasFinished })
        #expect(client.received == Array("answer".utf8))
        let totals = try bench.finish()
        #expect(totals.map(\.uplinkBytes) == [8])
        #expect(totals.map(\.downlinkBytes) == [6])
    }

    @Test func `an idle flow ends, and says so`() throws {
        let bench = try Bench(seed: 6, idleMilliseconds: 10_000)
        let client = try bench.connect()
        client.send("x")
        bench.simulation.run(milliseconds: 9000)
        #expect(bench.service.openCount == 1)
        bench.simulation.run(milliseconds: 3000)
        #expect(bench.service.ends.map(\.cause) == [.idle])
        #expect(client.error?.name == "ECONNRESET")
        #expect(bench.server.connections.first?.error?.name == "ECONNRESET")
        #expect(try bench.finish().map(\.uplinkBytes) == [1])
    }

    @Test(arguments: [true, false])
    func `a reset on one side resets the other and names who did it`(_ byClient: Bool) throws {
        let bench = try Bench(seed: 7)
        let client = try bench.connect()
        client.send("hello")
        #expect(bench.simulation.run { bench.server.connections.first?.received.count == 5 })
        let server = try #require(bench.server.connections.first)
        if byClient { client.reset() } else { server.reset() }
        bench.simulation.run(milliseconds: 1000)
        #expect((byClient ? server : client).error?.name == "ECONNRESET")
        #expect(
            bench.service.ends
                == [FlowEnd(by: byClient ? .client : .upstream, phase: .relay, cause: .reset)])
        _ = try bench.finish()
    }

    @Test func `what the server said before it reset is delivered`() throws {
        let bench = try Bench(seed: 8) { stream in
            stream.send(Payload.bytes(100_000, seed: 3))
            stream.finish()
        }
        let client = try bench.connect()
        client.pace = (1000, 1_000_000)
        client.send(Payload.bytes(10, seed: 1))
        #expect(bench.simulation.run { client.hasEnded })
        client.finish()
        #expect(Payload.isStart(client.received, seed: 3))
        #expect(client.received.count == 100_000)
        #expect(bench.simulation.run { client.hasFinished })
        #expect(try bench.finish().map(\.downlinkBytes) == [100_000])
    }
}

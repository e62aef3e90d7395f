import KernelTesting
import LinuxIO
import Loop
import Model
import Testing

@Suite("A simulation of a gateway and its peers", .timeLimit(.minutes(5)))
struct SimulationTests {
    private static let gateway = Endpoint(IPAddress(v4: 0xc633_6401), 7)

    /// What a run came to, to be compared with another run's.
    private struct Outcome: Equatable {
        var received: [[UInt8]] = []
        var errors: [String] = []
        var nanoseconds: UInt64 = 0
        var calls: [[SimulatedDriver.Call: Int]] = []
        var openDescriptors = 0
    }

    /// Twenty clients send to an echo service on two loops and read everything back.
    private func echo(seed: UInt64, faults: Faults) throws -> Outcome {
        let simulation = Simulation(seed: seed, loops: 2)
        simulation.kernel.latencyNanoseconds = 10_000...3_000_000
        simulation.kernel.bufferBytes = 20_000
        var services: [EchoService] = []
        for index in 0..<2 {
            simulation.onLoop(index) { loop in
                guard let service = try? EchoService(at: Self.gateway, isShared: true, loop: loop)
                else { return }
                services.append(service)
            }
        }
        try #require(services.count == 2)
        simulation.kernel.faults = faults
        let clients = try (0..<20).map { number in
            let client = try simulation.peer("203.0.113.9").connect(to: Self.gateway)
            client.send(Payload.bytes(number * 5000 + 1, seed: UInt64(number)))
            client.finish()
            return client
        }
        let isDone = simulation.run {
            clients.allSatisfy { $0.hasFinished || $0.error != nil }
        }
        #expect(isDone, "seed \(seed): a client waits for ever")
        for index in 0..<2 { simulation.onLoop(index) { _ in services[index].close() } }
        simulation.run(milliseconds: 1000)
        return Outcome(
            received: clients.map(\.received), errors: clients.compactMap { $0.error?.name },
            nanoseconds: simulation.kernel.nowNanoseconds, calls: simulation.drivers.map(\.calls),
            openDescriptors: simulation.kernel.openDescriptorCount)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `every byte comes back, whatever the faults`(_ seed: UInt64) throws {
        let outcome = try echo(seed: seed, faults: .swarm(seed: seed, lossy: false))
        for (number, received) in outcome.received.enumerated() {
            #expect(received.count == number * 5000 + 1, "seed \(seed), client \(number)")
            #expect(Payload.isStart(received, seed: UInt64(number)), "seed \(seed)")
        }
        #expect(outcome.errors.isEmpty)
        #expect(outcome.openDescriptors == 0)
        #expect(outcome.calls.allSatisfy { $0[.accept] != nil }, "both loops serve")
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `with resets, what comes back is a beginning of what was sent`(_ seed: UInt64) throws {
        let outcome = try echo(seed: seed, faults: .swarm(seed: seed, lossy: true))
        for (number, received) in outcome.received.enumerated() {
            #expect(received.count <= number * 5000 + 1)
            #expect(Payload.isStart(received, seed: UInt64(number)), "seed \(seed)")
        }
        #expect(outcome.openDescriptors == 0)
    }

    @Test func `one seed has one outcome`() throws {
        let faults = Faults.swarm(seed: 3, lossy: true)
        #expect(try echo(seed: 3, faults: faults) == echo(seed: 3, faults: faults))
    }

    @Test func `time moves only when all is idle, and then to the next deadline`() throws {
        let simulation = Simulation(seed: 1)
        let start = simulation.kernel.nowNanoseconds
        let timer = Alarm()
        simulation.onLoop { loop in
            _ = loop.arm(afterNanoseconds: 5_000_000_000, timer)
        }
        #expect(simulation.kernel.nowNanoseconds == start)
        #expect(simulation.run { timer.count == 1 })
        #expect(simulation.kernel.nowNanoseconds >= start + 5_000_000_000)
        #expect(simulation.kernel.nowNanoseconds < start + 5_100_000_000)
        #expect(!simulation.run { timer.count == 2 }, "nothing is left to wait for")
    }

    /// Counts how often it fired.
    private final class Alarm: TimerHandler {
        var count = 0
        func timerFired(tag: UInt8) { count += 1 }
    }
}

import Inbound
import KernelTesting
import Limiting
import LinuxIO
import Loop
import Model
import Routing
import Testing

@Suite("Services with limits", .timeLimit(.minutes(5)))
struct LimitedServiceTests {
    private func bench(
        connections: ConnectionLimiter? = nil, arrivals: ArrivalLimiter? = nil,
        limits: [any LimitSource] = []
    ) throws -> InboundBench {
        var service = InboundBench.Service()
        let target = Destination(host: .address(IPAddress(v4: 0xcb00_7146)), port: 80)
        service.handler = .forward(
            TargetList([target], strategy: .fifo, maxFails: 1, failTimeoutMilliseconds: 10_000))
        service.arrivals = ArrivalGate(connections: connections, arrivals: arrivals)
        service.limits = limits
        return try InboundBench(service)
    }

    @Test func `over its connection limit a service refuses one connection and goes on`() throws {
        let limiter = ConnectionLimiter(name: "c", [(.everything, 1)])
        let bench = try bench(connections: limiter)
        let origin = try bench.simulation.peer("203.0.113.70").listen(port: 80) { stream in
            stream.onReceive = { $0.send($1) }
            stream.onEnd = { $0.finish() }
        }
        let first = try bench.client()
        #expect(bench.exchange(first, [1]) == [1])
        let second = try bench.client()
        bench.simulation.run(milliseconds: 100)
        #expect(second.hasEnded)
        #expect(second.received.isEmpty)
        #expect(bench.exchange(first, [2]) == [2])
        first.finish()
        bench.simulation.run(milliseconds: 100)
        #expect(limiter.count == 0)
        for number in 0..<UInt8(3) {
            let later = try bench.client()
            #expect(bench.exchange(later, [number]) == [number])
            later.finish()
            bench.simulation.run(milliseconds: 100)
        }
        #expect(origin.connections.count == 4)
        #expect(bench.lines.all.count { $0.hasPrefix("connections refused") } == 1)
        #expect(limiter.count == 0)
        second.close()
        bench.expectRest()
    }

    @Test func `a connection counts until it is gone, however it ends`() throws {
        let limiter = ConnectionLimiter(name: "c", [(.eachAddress, 2)])
        let bench = try bench(connections: limiter)
        _ = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        for _ in 0..<10 {
            let clients = try (0..<2).map { _ in try bench.client() }
            bench.simulation.run(milliseconds: 50)
            #expect(limiter.count == 2)
            for client in clients { client.reset() }
            bench.simulation.run(milliseconds: 50)
            #expect(limiter.count == 0)
        }
        // A target that refuses.
        let bench2 = try self.bench(connections: limiter)
        let client = try bench2.client()
        bench2.simulation.run(milliseconds: 1000)
        #expect(client.error?.isReset == true)
        #expect(limiter.count == 0)
    }

    @Test func `a rate of connections refuses what is over it`() throws {
        let bench = try bench(
            arrivals: ArrivalLimiter(name: "r", [(.eachAddress, 2)]))
        let origin = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        for _ in 0..<10 { _ = try bench.client() }
        bench.simulation.run(milliseconds: 100)
        #expect(origin.connections.count == 3)
        _ = try bench.client(from: "203.0.113.10")
        bench.simulation.run(milliseconds: 2000)
        #expect(origin.connections.count == 4)
        for _ in 0..<10 { _ = try bench.client() }
        bench.simulation.run(milliseconds: 100)
        #expect(origin.connections.count == 7)
    }

    @Test func `what came behind a handshake is paid for too`() throws {
        let rates = TrafficRates(
            uplink: ByteRate(bytesPerSecond: 1000, burstBytes: 100), downlink: nil)
        let bench = try bench(limits: [LimiterUse(TrafficLimiter([(.everything, rates)]))])
        let origin = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        let client = try bench.client()
        client.send(Payload.bytes(10_000, seed: 1))
        bench.simulation.run(milliseconds: 5000)
        let received = origin.connections.first?.received.count ?? 0
        #expect(received <= 5200)
        #expect(received > 4500)
    }
}

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

    @Test func `SOCKS5 streams, and datagrams over TCP, keep to a user's and an address' rate`()
        throws
    {
        let rate = ByteRate(bytesPerSecond: 4000, burstBytes: 500)
        for key in [LimitKey.user("alice"), .eachAddress, .eachConnection, .everything] {
            var service = InboundBench.Service()
            service.handler = .socks(SOCKSSettings(servesDatagrams: true))
            service.limits = [
                LimiterUse(
                    TrafficLimiter([(key, TrafficRates(uplink: rate, downlink: rate))]))
            ]
            let isOfUser = key == .user("alice")
            if isOfUser { service.authers = [try .users(["alice": "p"])] }
            let bench = try InboundBench(service)
            let peer = bench.simulation.peer("203.0.113.70")
            let origin = try peer.listen(port: 80) { stream in
                stream.onReceive = { $0.send($1) }
            }
            let client = try bench.client()
            if isOfUser {
                _ = bench.exchange(client, [5, 1, 2])
                _ = bench.exchange(client, [1, 5] + Array("alice".utf8) + [1] + Array("p".utf8))
            } else {
                _ = bench.exchange(client, SOCKSBytes.greeting)
            }
            _ = bench.exchange(client, SOCKSBytes.request(1, "203.0.113.70", 80))
            let before = client.received.count
            client.send(Payload.bytes(30_000, seed: 1))
            bench.simulation.run(milliseconds: 2500)
            let (up, down) = (
                origin.connections.first?.received.count ?? 0, client.received.count - before
            )
            #expect(up > 9000 && up < 11_200, "\(key): \(up) bytes up")
            #expect(down > 7500 && down <= up, "\(key): \(down) bytes down")
            client.reset()
            bench.simulation.run(milliseconds: 5000)
            bench.expectRest()
        }
        // Framed datagrams: what is over the rate is dropped and counted.
        var service = InboundBench.Service()
        service.handler = .socks(SOCKSSettings(servesDatagrams: true))
        service.limits = [
            LimiterUse(
                TrafficLimiter([(.eachAddress, TrafficRates(uplink: rate, downlink: nil))]))
        ]
        let bench = try InboundBench(service)
        let origin = try bench.simulation.peer("203.0.113.70").bindDatagrams(port: 53) { _, _ in }
        let association = try FramedAssociation(bench)
        for number in 0..<100 {
            association.send(Payload.bytes(200, seed: UInt64(number)), to: origin.endpoint)
            bench.simulation.run(milliseconds: 10)
        }
        let passed = origin.received.count * 200
        #expect(passed > 3500 && passed < 5000, "\(passed) bytes")
        association.stream.finish()
        bench.simulation.run(milliseconds: 2000)
        let flow = try #require(bench.closed.first)
        #expect(flow.counts.uplinkBytes == UInt64(passed))
        #expect(flow.counts.droppedPackets == UInt64(100 - origin.received.count))
    }

    @Test(arguments: [UInt8(0xf3), 3])
    func `datagrams through a node keep to the rate`(_ command: UInt8) throws {
        let rate = ByteRate(bytesPerSecond: 4000, burstBytes: 500)
        let rates = TrafficRates(uplink: rate, downlink: nil)
        let bench = try DatagramNode.bench(
            limits: [LimiterUse(TrafficLimiter([(.eachAddress, rates)]))])
        let node = try DatagramNode(bench.simulation, serves: [command])
        let association = try Association(bench)
        let far = Endpoint(IPAddress(v4: 0xcb00_7146), 53)
        for number in 0..<100 {
            association.send(Payload.bytes(200, seed: UInt64(number)), to: far)
            bench.simulation.run(milliseconds: 10)
        }
        association.control.close()
        bench.simulation.run(milliseconds: 2000)
        let counts = try #require(bench.closed.first).counts
        #expect(node.commands.contains(command))
        #expect(counts.uplinkBytes > 3000 && counts.uplinkBytes < 5000)
        #expect(counts.uplinkPackets + counts.droppedPackets == 100)
    }
}

import Inbound
import KernelTesting
import LinuxIO
import Loop
import Model
import PluginKit
import Routing
import Testing

@Suite("Forwarding streams", .timeLimit(.minutes(5)))
struct ForwarderTests {
    private func bench(
        _ hosts: [String], forbidden: Set<IPAddress> = [], admissions: [PluginAdmission] = [],
        workers: WorkerBox = WorkerBox()
    ) throws -> InboundBench {
        let targets = hosts.map { host in
            Destination(
                host: IPAddress(host).map { .address($0) } ?? .name(host), port: 80)
        }
        var service = InboundBench.Service()
        service.handler = .forward(
            TargetList(targets, strategy: .fifo, maxFails: 1, failTimeoutMilliseconds: 10_000))
        service.forbidden = forbidden
        service.admissions = admissions
        return try InboundBench(service, workers: workers)
    }

    @Test func `bytes go both ways, and ends too`() throws {
        let bench = try bench(["203.0.113.70"])
        let origin = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        let client = try bench.client()
        client.send("hello")
        client.finish()
        bench.simulation.run(milliseconds: 100)
        let upstream = try #require(origin.connections.first)
        #expect(upstream.received == Array("hello".utf8))
        #expect(upstream.hasEnded)
        upstream.send("welcome")
        upstream.finish()
        bench.simulation.run(milliseconds: 1000)
        #expect(client.received == Array("welcome".utf8))
        #expect(client.hasEnded)
        bench.expectRest()
    }

    @Test func `an origin that speaks first is heard`() throws {
        let bench = try bench(["203.0.113.70"])
        let origin = try bench.simulation.peer("203.0.113.70").listen(port: 80) {
            $0.send("220 hello")
        }
        let client = try bench.client()
        bench.simulation.run(milliseconds: 100)
        #expect(origin.connections.count == 1)
        #expect(client.received == Array("220 hello".utf8))
    }

    @Test func `the next target is tried when one fails, and the failed one rests`() throws {
        let bench = try bench(["203.0.113.70", "203.0.113.71"])
        let second = try bench.simulation.peer("203.0.113.71").listen(port: 80)
        for _ in 0..<3 {
            let client = try bench.client()
            client.send("x")
            bench.simulation.run(milliseconds: 50)
        }
        #expect(second.connections.count == 3)
        #expect(bench.lines.all.count { $0.hasPrefix("target failed") } == 1)
    }

    @Test func `when no target answers the client is reset`() throws {
        let bench = try bench(["203.0.113.70", "nobody.example"])
        let client = try bench.client()
        bench.simulation.run(milliseconds: 1000)
        #expect(client.error?.isReset == true)
        bench.expectRest()
    }

    @Test func `policy holds for targets as well`() throws {
        let target = try #require(IPAddress("203.0.113.70"))
        let bench = try bench(["203.0.113.70"], forbidden: [target])
        let origin = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        let client = try bench.client()
        bench.simulation.run(milliseconds: 1000)
        #expect(client.error?.isReset == true)
        #expect(origin.connections.isEmpty)
    }

    @Test func `a client that waits for a slow name is cut at the stop and opens no flow`() throws {
        let workers = WorkerBox()
        let plugin = StubPlugin(.isSlow)
        let bench = try bench(
            ["203.0.113.70"],
            admissions: [
                PluginAdmission(guid: "stub", admission: plugin, worker: workers.worker)
            ], workers: workers)
        _ = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        let client = try bench.client()
        bench.simulation.run(milliseconds: 100)
        bench.simulation.onLoop { _ in bench.station.cutAll() }
        plugin.release()
        bench.simulation.run(milliseconds: 2000)
        #expect(client.hasEnded || client.error != nil)
        #expect(bench.opened.isEmpty)
        bench.expectRest()
    }
}

import Codecs
import Inbound
import KernelTesting
import Model
import Testing

@Suite("Accepting connections", .timeLimit(.minutes(5)))
struct ListenerTests {
    @Test func `without descriptors accepting rests, what runs goes on, and all recovers`() throws {
        let bench = try InboundBench()
        let origin = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        let early = try bench.client()
        _ = bench.exchange(
            early, SOCKSBytes.greeting + SOCKSBytes.request(1, "203.0.113.70", 80))
        bench.simulation.kernel.descriptorLimit = bench.simulation.kernel.openDescriptorCount
        let late = try (0..<20).map { _ in try bench.client() }
        for client in late { client.send(SOCKSBytes.greeting) }
        let turns = bench.simulation.rounds
        bench.simulation.run(milliseconds: 2000)
        #expect(bench.simulation.rounds - turns < 500, "it rests and does not spin")
        #expect(late.allSatisfy { $0.received.isEmpty && $0.error == nil })
        #expect(bench.lines.all.count { $0.hasPrefix("accepting rests") } == 1)
        early.send("still here")
        bench.simulation.run(milliseconds: 100)
        #expect(origin.connections.first?.received == Array("still here".utf8))
        bench.simulation.kernel.descriptorLimit = 1000
        bench.simulation.run(milliseconds: 300)
        #expect(late.allSatisfy { $0.received == SOCKSBytes.open })
        for client in late + [early] { client.reset() }
        bench.simulation.run(milliseconds: 3000)
        bench.expectRest()
    }

    @Test func `a dial without descriptors is a general failure and nothing worse`() throws {
        let bench = try InboundBench()
        let client = try bench.client()
        _ = bench.exchange(client, SOCKSBytes.greeting)
        bench.simulation.kernel.descriptorLimit = bench.simulation.kernel.openDescriptorCount
        let bytes = bench.exchange(client, SOCKSBytes.request(1, "203.0.113.70", 80))
        #expect(SOCKSBytes.reply(bytes)?.code == .generalFailure)
    }

    @Test func `so many handshakes at a time, and the next ones wait their turn`() throws {
        let bench = try InboundBench()
        bench.simulation.kernel.descriptorLimit = 100_000
        var idle: [PeerStream] = []
        while idle.count < Limits.handshakesPerLoop {
            for _ in 0..<1024 { idle.append(try bench.client()) }
            bench.simulation.run(milliseconds: 10)
        }
        let next = try bench.client()
        next.send(SOCKSBytes.greeting)
        bench.simulation.run(milliseconds: 300)
        #expect(next.received.isEmpty)
        for client in idle.prefix(10) { client.reset() }
        bench.simulation.run(milliseconds: 300)
        #expect(next.received == SOCKSBytes.open)
        bench.simulation.run(milliseconds: 20_000)
        bench.expectRest("idle ones are let go of")
    }

    @Test func `connections that are gone before they are accepted do no harm`() throws {
        var faults = Faults.none
        faults.acceptLost = 0.5
        let bench = try InboundBench(faults: faults)
        let clients = try (0..<40).map { _ in
            let client = try bench.client()
            client.send(SOCKSBytes.greeting)
            return client
        }
        bench.simulation.run(milliseconds: 300)
        let served = clients.count { $0.received == SOCKSBytes.open }
        #expect(served > 0)
        #expect(served + clients.count { $0.error != nil } == 40)
    }

    @Test func `a connection that cannot be watched is closed and the rest is served`() throws {
        let bench = try InboundBench()
        bench.simulation.kernel.faults.watchFailures = 1
        let lost = try bench.client()
        bench.simulation.run(milliseconds: 50)
        #expect(lost.hasEnded || lost.error != nil)
        bench.simulation.kernel.faults.watchFailures = 0
        bench.simulation.run(milliseconds: 200)
        #expect(bench.exchange(try bench.client(), SOCKSBytes.greeting) == SOCKSBytes.open)
    }

    @Test func `a closed address refuses, and what was accepted goes on`() throws {
        let bench = try InboundBench()
        let early = try bench.client()
        bench.simulation.run(milliseconds: 50)
        bench.stopAccepting()
        let late = try bench.client()
        bench.simulation.run(milliseconds: 50)
        #expect(late.error != nil)
        #expect(bench.exchange(early, SOCKSBytes.greeting) == SOCKSBytes.open)
        early.close()
        bench.simulation.run(milliseconds: 50)
        bench.expectRest()
    }
}

import Codecs
import Inbound
import KernelTesting
import Loop
import Model
import PluginKit
import Testing

@Suite("Admission by plugins", .timeLimit(.minutes(5)))
struct AdmissionTests {
    private func bench(_ plugins: [StubPlugin]) throws -> InboundBench {
        let workers = WorkerBox()
        var service = InboundBench.Service()
        service.admissions = plugins.map {
            PluginAdmission(guid: "stub", admission: $0, worker: workers.worker)
        }
        let bench = try InboundBench(service, workers: workers)
        _ = try bench.simulation.peer("203.0.113.70").listen(port: 80)
        return bench
    }

    private func connect(_ bench: InboundBench) throws -> SOCKS5.Reply.Code? {
        let client = try bench.client()
        let bytes = bench.exchange(
            client, SOCKSBytes.greeting + SOCKSBytes.request(1, "203.0.113.70", 80),
            milliseconds: 6000)
        return SOCKSBytes.reply(Array(bytes.dropFirst(2)))?.code
    }

    @Test func `an allowed flow runs, and the plugin knew what it allowed`() throws {
        let plugin = StubPlugin(.admits(.allow))
        let bench = try bench([plugin])
        #expect(try connect(bench) == .succeeded)
        let proposal = try #require(plugin.proposals.first)
        #expect(proposal.destination.description == "203.0.113.70:80")
        #expect(proposal.transport == .tcp)
        #expect(proposal.client == bench.opened.first?.client)
        #expect(proposal.origin === bench.opened.first?.origin)
    }

    @Test(arguments: [
        ("denies", StubPlugin.Manner.admits(.deny("no credit")), "no credit"),
        ("throws", .throwsAnError, "plugin 'stub' failed"),
        ("is slow", .isSlow, "plugin 'stub' failed"),
    ])
    func `a plugin that does not allow in time refuses`(
        _ name: String, _ manner: StubPlugin.Manner, _ reason: String
    ) throws {
        let plugin = StubPlugin(manner)
        let bench = try bench([plugin])
        #expect(try connect(bench) == .notAllowed)
        #expect(bench.opened.isEmpty)
        #expect(bench.lines.all.contains { $0.contains(reason) })
        plugin.release()
        bench.simulation.run(milliseconds: 3000)
        bench.expectRest()
    }

    @Test func `all plugins must allow, and none is asked behind a refusal`() throws {
        let first = StubPlugin(.admits(.allow))
        let second = StubPlugin(.admits(.deny("no")))
        let third = StubPlugin(.admits(.allow))
        let bench = try bench([first, second, third])
        #expect(try connect(bench) == .notAllowed)
        #expect([first, second, third].map(\.proposals.count) == [1, 1, 0])
    }

    @Test func `datagrams are asked about once per destination`() throws {
        let plugin = StubPlugin(.admits(.allow))
        let bench = try bench([plugin])
        var received: [[UInt8]] = []
        let origin = try bench.simulation.peer("203.0.113.70").bindDatagrams(port: 53) {
            received.append($1.bytes)
        }
        let association = try Association(bench)
        for number in 0..<10 as Range<UInt8> {
            association.send([number], to: origin.endpoint)
        }
        bench.simulation.run(milliseconds: 100)
        #expect(received.count == 10)
        #expect(plugin.proposals.map(\.transport) == [.udp])
        plugin.manner = .admits(.deny("no"))
        association.send([1], to: Endpoint(origin.endpoint.address, 54))
        association.send([2], to: origin.endpoint)
        bench.simulation.run(milliseconds: 100)
        #expect(received.count == 11, "what was allowed goes on")
        #expect(bench.opened.count == 1)
    }

    @Test func `one association asks about so many destinations at a time, and no more`() throws {
        let plugin = StubPlugin(.isSlow)
        let bench = try bench([plugin])
        let association = try Association(bench)
        for number in 0..<100 as Range<UInt8> {
            let name = Array("host-\(100 + Int(number))".utf8)
            try association.socket.send(
                [0, 0, 0, 3, 8] + name + [0, 53, number], to: association.relay)
        }
        bench.simulation.run(milliseconds: 100)
        #expect(plugin.proposals.count == Limits.datagramsAwaitingName)
        for number in 0..<3000 as Range<UInt32> {
            association.send([1], to: Endpoint(IPAddress(v4: 0xc612_0000 + number), 53))
        }
        bench.simulation.run(milliseconds: 100)
        #expect(plugin.proposals.count <= Limits.flowsPerAssociation)
    }
}

import LinuxIO
import Model
import PluginKit
import Testing

@Suite("TrafficStatsReporter through real UDP clients", .timeLimit(.minutes(2)))
struct ReporterTests {
    /// A client and an origin with a datagram forwarder between them.
    private struct Path {
        let gateway: RealGateway
        let origin: LoopbackSocket
        let client: LoopbackSocket
        let listener: Endpoint

        init(
            _ reporter: RecordingReporter?, metadata: String = "statsGUID: meter",
            ttl: String = "60s",
            plugins: String = ""
        ) async throws {
            origin = try .datagrams()
            client = try .datagrams()
            gateway = try await RealGateway(
                forwardLine("udp", "udp", to: origin.endpoint, metadata: metadata, ttl: ttl),
                plugins: plugins, reporters: reporter.map { ["meter": $0] } ?? [:])
            listener = try gateway.endpoint("udp")
        }

        /// The client's datagram arrives; returns where it came from.
        @discardableResult
        func up(_ count: Int, from socket: LoopbackSocket? = nil) throws -> Endpoint {
            let bytes = [UInt8](repeating: 85, count: count)
            try (socket ?? client).send(bytes, to: listener)
            let received = try origin.receive()
            #expect(received.bytes == bytes)
            return received.source
        }

        /// The origin's datagram arrives at the client.
        func down(_ count: Int, to gateway: Endpoint, at socket: LoopbackSocket? = nil) throws {
            let bytes = [UInt8](repeating: 170, count: count)
            try origin.send(bytes, to: gateway)
            #expect(try (socket ?? client).receive().bytes == bytes)
        }

        var clientText: String { client.endpoint.description }
        var originText: String { origin.endpoint.description }
    }

    /// What the documentation says about a flow of 512 and 256 bytes up, 1024 and 2048 down.
    private func documented(_ client: String, _ origin: String) -> [RecordingReporter.Call] {
        [
            .start("udp", source: client, destination: origin),
            .packet("udp", "rx", source: client, destination: origin, byteCount: 512),
            .packet("udp", "tx", source: origin, destination: client, byteCount: 1024),
            .packet("udp", "rx", source: client, destination: origin, byteCount: 256),
            .packet("udp", "tx", source: origin, destination: client, byteCount: 2048),
            .end("udp", source: client, destination: origin),
        ]
    }

    @Test func `the documentation's figures, addresses and order`() async throws {
        let reporter = RecordingReporter()
        let path = try await Path(reporter)
        let gateway = try path.up(512)
        try path.down(1024, to: gateway)
        try path.up(256)
        try path.down(2048, to: gateway)
        #expect(await until { reporter.packets("tx") == 2 })
        await path.gateway.stop()
        #expect(await until { reporter.endCount == 1 })
        #expect(reporter.calls == documented(path.clientText, path.originText))
        #expect(reporter.bytes("rx") == 768)
        #expect(reporter.bytes("tx") == 3072)
    }

    @Test func `a SOCKS5 association is reported like any other flow`() async throws {
        let reporter = RecordingReporter()
        let gateway = try await RealGateway(
            """
              - { name: socks, addr: "127.0.0.1:0", listener: { type: tcp },
                  handler: { type: socks5, metadata: { udp: true, statsGUID: meter } } }
            """, reporters: ["meter": reporter])
        let origin = try LoopbackSocket.datagrams()
        let client = try LoopbackSocket.datagrams()
        let control = try LoopbackSocket.stream(to: try gateway.endpoint("socks"))
        try control.write([5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0])
        let reply = try control.read(12)
        let relay = Endpoint(.loopbackV4, UInt16(reply[10]) << 8 | UInt16(reply[11]))
        let port = origin.endpoint.port
        let header: [UInt8] = [0, 0, 0, 1, 127, 0, 0, 1, UInt8(port >> 8), UInt8(port & 0xff)]
        for (up, down) in [(512, 1024), (256, 2048)] {
            try client.send(header + [UInt8](repeating: 1, count: up), to: relay)
            let received = try origin.receive()
            #expect(received.bytes.count == up)
            try origin.send([UInt8](repeating: 2, count: down), to: received.source)
            #expect(try client.receive().bytes.count == 10 + down)
        }
        #expect(await until { reporter.packets("tx") == 2 })
        await gateway.stop()
        #expect(await until { reporter.endCount == 1 })
        #expect(
            reporter.calls
                == documented(client.endpoint.description, origin.endpoint.description))
    }

    @Test func `aerocore's names: rx is what the client receives`() async throws {
        let reporter = RecordingReporter()
        let path = try await Path(
            reporter, metadata: "statsGUID: meter, stats.compat: aerocore")
        let gateway = try path.up(512)
        try path.down(1024, to: gateway)
        #expect(await until { reporter.packets("rx") == 1 })
        await path.gateway.stop()
        #expect(await until { reporter.endCount == 1 })
        let (client, origin) = (path.clientText, path.originText)
        #expect(
            reporter.calls == [
                .start("udp", source: client, destination: origin),
                .packet("udp", "tx", source: origin, destination: client, byteCount: 512),
                .packet("udp", "rx", source: client, destination: origin, byteCount: 1024),
                .end("udp", source: client, destination: origin),
            ])
    }

    @Test func `ten clients at once with a hundred datagrams each`() async throws {
        let reporter = RecordingReporter()
        let path = try await Path(reporter)
        let (origin, listener) = (path.origin, path.listener)
        try Thread(name: "echo") {
            for _ in 0..<1000 {
                guard let received = try? origin.receive() else { return }
                try? origin.send(received.bytes, to: received.source)
            }
        }.detach()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<10 as Range<UInt8> {
                group.addTask { try Self.exchange(number, with: listener) }
            }
            try await group.waitForAll()
        }
        #expect(await until { reporter.packets("tx") == 1000 })
        await path.gateway.stop()
        #expect(await until { reporter.endCount == 10 })
        #expect(reporter.startCount == 10)
        #expect(reporter.packets("rx") == 1000)
        #expect(reporter.bytes("rx") == 10 * (0..<100).reduce(0) { $0 + 100 + $1 })
        #expect(reporter.bytes("tx") == reporter.bytes("rx"))
        #expect(reporter.overlaps == 0)
        checkOrder(reporter.calls)
    }

    /// One client of many: a hundred datagrams and their echoes.
    private static func exchange(_ number: UInt8, with listener: Endpoint) throws {
        let client = try LoopbackSocket.datagrams()
        for packet in 0..<100 {
            let bytes = [UInt8](repeating: number, count: 100 + packet)
            try client.send(bytes, to: listener)
            #expect(try client.receive().bytes == bytes)
        }
    }

    /// Between a flow's start and its end, and nowhere else, are its packets.
    private func checkOrder(_ calls: [RecordingReporter.Call]) {
        var open: Set<String> = []
        for call in calls {
            switch call {
            case .start(_, let source, let destination):
                #expect(open.insert("\(source) \(destination)").inserted)
            case .packet(_, let direction, let source, let destination, _):
                let key =
                    direction == "rx" ? "\(source) \(destination)" : "\(destination) \(source)"
                #expect(open.contains(key))
            case .end(_, let source, let destination):
                #expect(open.remove("\(source) \(destination)") != nil)
            }
        }
        #expect(open.isEmpty)
    }

    @Test func `the largest datagram is one packet`() async throws {
        let reporter = RecordingReporter()
        let path = try await Path(reporter)
        let gateway = try path.up(65_507)
        try path.down(65_507, to: gateway)
        #expect(await until { reporter.packets("tx") == 1 })
        #expect(reporter.bytes("rx") == 65_507)
        #expect(reporter.bytes("tx") == 65_507)
        await path.gateway.stop()
    }

    @Test func `an empty datagram is metered and not reported`() async throws {
        let reporter = RecordingReporter()
        let key = "empty datagrams"
        let recording = Recording(guid: "meter", choose: { .stores }, pause: { _ in })
        RecorderPlugin.set(recording, key: key, guid: "meter")
        defer { RecorderPlugin.set(nil, key: key, guid: "meter") }
        let path = try await Path(
            reporter,
            plugins: "plugins:\n  - { guid: meter, type: recorder, options: { key: \"\(key)\" } }\n"
        )
        let gateway = try path.up(0)
        try path.down(0, to: gateway)
        try path.up(7)
        #expect(await until { reporter.packets("rx") == 1 })
        await path.gateway.stop()
        #expect(await until { reporter.endCount == 1 })
        #expect(reporter.packets("tx") == 0)
        let story = try #require(recording.stories.values.first)
        #expect(story.counts.uplinkPackets == 2)
        #expect(story.counts.downlinkPackets == 1)
        #expect(story.counts.uplinkBytes == 7)
        #expect(story.counts.downlinkBytes == 0)
    }

    @Test func `a port that is used again is another flow`() async throws {
        let reporter = RecordingReporter()
        let path = try await Path(reporter, ttl: "1s")
        try path.up(10)
        #expect(await until { reporter.endCount == 1 })
        try path.up(20)
        #expect(await until { reporter.endCount == 2 })
        await path.gateway.stop()
        let (client, origin) = (path.clientText, path.originText)
        let flow: (Int) -> [RecordingReporter.Call] = { count in
            [
                .start("udp", source: client, destination: origin),
                .packet("udp", "rx", source: client, destination: origin, byteCount: count),
                .end("udp", source: client, destination: origin),
            ]
        }
        #expect(reporter.calls == flow(10) + flow(20))
    }

    @Test func `a reporter registered late hears what comes then`() async throws {
        let path = try await Path(nil)
        try path.up(100)
        // The flow exists and its first report is done before anybody is registered.
        try await Task.sleep(for: .milliseconds(300))
        let reporter = RecordingReporter()
        path.gateway.registry.register(guid: "meter", reporter)
        #expect(
            await until {
                _ = try? path.up(200)
                return reporter.packets("rx") > 0
            })
        await path.gateway.stop()
        #expect(await until { reporter.endCount == 1 })
        #expect(reporter.bytes("rx") % 200 == 0, "what came before is not reported")
        #expect(
            reporter.calls.allSatisfy { call in
                if case .packet(_, _, let source, _, _) = call {
                    source == path.clientText
                } else {
                    true
                }
            })
    }

    @Test func `a reporter unregistered mid-flow hears nothing more, and the flow goes on`()
        async throws
    {
        let reporter = RecordingReporter()
        let path = try await Path(reporter)
        try path.up(100)
        #expect(await until { reporter.packets("rx") == 1 })
        path.gateway.registry.unregister(guid: "meter")
        let calls = reporter.calls
        let gateway = try path.up(200)
        try path.down(300, to: gateway)
        await path.gateway.stop()
        #expect(reporter.calls == calls)
    }

    @Test func `a reporter that is replaced mid-flow gives way to the new one`() async throws {
        let (first, second) = (RecordingReporter(), RecordingReporter())
        let path = try await Path(first)
        try path.up(100)
        #expect(await until { first.packets("rx") == 1 })
        path.gateway.registry.register(guid: "meter", second)
        try path.up(200)
        #expect(await until { second.bytes("rx") == 200 })
        await path.gateway.stop()
        #expect(await until { second.endCount == 1 })
        #expect(first.bytes("rx") == 100)
        #expect(first.endCount == 0)
    }

    @Test func `a reporter that blocks delays no flow and hears everything afterwards`()
        async throws
    {
        let reporter = RecordingReporter(blocked: true)
        let path = try await Path(reporter)
        for _ in 0..<200 {
            let gateway = try path.up(10)
            try path.down(20, to: gateway)
        }
        #expect(reporter.packets("rx") == 0)
        reporter.release()
        #expect(await until { reporter.packets("tx") == 200 })
        #expect(reporter.bytes("rx") == 2000)
        await path.gateway.stop()
        #expect(await until { reporter.endCount == 1 })
        checkOrder(reporter.calls)
    }

    @Test func `empty and unknown GUIDs do nothing`() async throws {
        let reporter = RecordingReporter()
        let path = try await Path(reporter)
        path.gateway.registry.register(guid: "", RecordingReporter())
        path.gateway.registry.unregister(guid: "never seen")
        path.gateway.registry.unregister(guid: "")
        #expect(path.gateway.registry.reporter(guid: "") == nil)
        try path.up(100)
        #expect(await until { reporter.packets("rx") == 1 })
        await path.gateway.stop()
    }

    @Test func `a handler without its GUID is not reported`() async throws {
        let reporter = RecordingReporter()
        let path = try await Path(reporter, metadata: "statsGUID: other")
        try path.up(100)
        await path.gateway.stop()
        #expect(reporter.calls.isEmpty)
    }

    @Test func `two services may share a GUID`() async throws {
        let reporter = RecordingReporter()
        let origin = try LoopbackSocket.datagrams()
        let gateway = try await RealGateway(
            forwardLine("one", "udp", to: origin.endpoint, metadata: "statsGUID: meter")
                + forwardLine("two", "udp", to: origin.endpoint, metadata: "statsGUID: meter"),
            reporters: ["meter": reporter])
        let client = try LoopbackSocket.datagrams()
        for (service, count) in [("one", 100), ("two", 200)] {
            try client.send([UInt8](repeating: 1, count: count), to: gateway.endpoint(service))
            #expect(try origin.receive().bytes.count == count)
        }
        #expect(await until { reporter.bytes("rx") == 300 })
        await gateway.stop()
        #expect(await until { reporter.endCount == 2 })
        #expect(reporter.startCount == 2)
    }

    @Test(arguments: [true, false])
    func `TCP is reported where the handler asks for it`(_ asks: Bool) async throws {
        let reporter = RecordingReporter()
        let origin = try LoopbackSocket.listener()
        let gateway = try await RealGateway(
            forwardLine(
                "tcp", "tcp", to: origin.endpoint,
                metadata: "statsGUID: meter\(asks ? ", stats.tcp: true" : "")"),
            reporters: ["meter": reporter])
        let client = try LoopbackSocket.stream(to: try gateway.endpoint("tcp"))
        let upstream = try origin.accept()
        try client.write([UInt8](repeating: 1, count: 300))
        #expect(try upstream.read(300).count == 300)
        try upstream.write([UInt8](repeating: 2, count: 500))
        #expect(try client.read(500).count == 500)
        if asks { #expect(await until { reporter.bytes("tx") == 500 }) }
        await gateway.stop()
        let (from, to) = (client.endpoint.description, origin.endpoint.description)
        guard asks else {
            #expect(reporter.calls.isEmpty)
            return
        }
        #expect(await until { reporter.endCount == 1 })
        #expect(reporter.calls.first == .start("tcp", source: from, destination: to))
        #expect(reporter.calls.last == .end("tcp", source: from, destination: to))
        #expect(reporter.bytes("rx") == 300)
        checkOrder(reporter.calls)
    }
}

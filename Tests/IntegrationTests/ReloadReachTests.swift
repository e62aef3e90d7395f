import Foundation
import Glibc
import Testing

@Suite("What a reload changes besides services", .ownThread)
struct ReloadReachTests {
    private func write(_ yaml: String, for gateway: Gateway) throws {
        try yaml.write(toFile: gateway.file, atomically: true, encoding: .utf8)
    }

    private func reload(_ gateway: Gateway, log: String? = nil) throws {
        let text = { (try? String(contentsOfFile: log ?? "", encoding: .utf8)) ?? gateway.log }
        let before = text().ranges(of: "reloaded").count
        gateway.process.signal(SIGHUP)
        let isDone = eventually(within: 20) { text().ranges(of: "reloaded").count > before }
        guard isDone else { throw HarnessFailure("no reload\n\(text())") }
    }

    private func status(_ gateway: Gateway, _ url: String, _ more: [String] = []) throws -> String {
        let result = try run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10", url]
                + more, in: gateway.folder, within: 30)
        return result.output
    }

    @Test func `the API and the metrics come, change their users, move and go`() throws {
        try withGateway(.socks()) { gateway in
            let plain = try String(contentsOfFile: gateway.file, encoding: .utf8)
            let (one, other, third) = (try Ports.free(), try Ports.free(), try Ports.free())
            func apply(_ api: String?, _ metrics: String?) throws {
                let parts = [api.map { "api: \($0)\n" }, metrics.map { "metrics: \($0)\n" }]
                // What is counted as reloaded is said where services change too.
                let name = "# \(Int.random(in: 0..<(1 << 40)))\n"
                let yaml = plain + parts.compactMap { $0 }.joined() + name
                try write(yaml, for: gateway)
                gateway.process.signal(SIGHUP)
            }
            func expect(_ port: UInt16, _ path: String, _ code: String, _ more: [String] = [])
                throws
            {
                let url = "http://127.0.0.1:\(port)\(path)"
                let isSo = try eventually(within: 15) { try status(gateway, url, more) == code }
                #expect(isSo, "\(url) \(code)")
            }
            try apply("{ addr: \"127.0.0.1:\(one)\" }", nil)
            try expect(one, "/config", "200")
            let auth = "auth: { username: op, password: pw-of-op }"
            try apply(
                "{ addr: \"127.0.0.1:\(one)\", \(auth) }", "{ addr: \"127.0.0.1:\(other)\" }")
            try expect(one, "/config", "401")
            try expect(one, "/config", "200", ["-u", "op:pw-of-op"])
            try expect(other, "/metrics", "200")
            // A port that is taken changes nothing at all.
            let taken = try Socket.listen()
            try apply("{ addr: \"\(taken.local)\" }", nil)
            #expect(eventually { gateway.log.contains("'api' cannot listen on") })
            try expect(one, "/config", "200", ["-u", "op:pw-of-op"])
            try expect(other, "/metrics", "200")
            try apply("{ addr: \"127.0.0.1:\(third)\", pathPrefix: /x }", nil)
            try expect(third, "/x/config", "200")
            try expect(one, "/config", "000")
            try expect(other, "/metrics", "000")
            let client = try SOCKSClient(gateway.address, user: nil)
            #expect(try client.request(.connect, .local(third)).code == 2, "it is our own")
            try apply(nil, nil)
            try expect(third, "/x/config", "000")
        }
    }

    @Test func `the log changes its level, its form and its place, and begins a file anew`()
        throws
    {
        try withGateway(.socks()) { gateway in
            let plain = try String(contentsOfFile: gateway.file, encoding: .utf8)
            let file = gateway.folder.path("weir.log")
            let text = { (try? String(contentsOfFile: file, encoding: .utf8)) ?? "" }
            try write(
                plain + "log: { output: \(file), format: text, level: debug }\n", for: gateway)
            gateway.process.signal(SIGHUP)
            #expect(eventually { text().contains(" reloaded ") })
            #expect(text().contains(" debug ") || text().contains(" info "))
            #expect(rename(file, file + ".1") == 0)
            gateway.process.signal(SIGHUP)
            #expect(eventually { text().contains("reloaded") }, "a file that was moved away")
            try write(plain + "log: { output: \(file), level: error }\n", for: gateway)
            gateway.process.signal(SIGHUP)
            pause(milliseconds: 500)
            let quiet = text()
            _ = try? SOCKSClient(gateway.address, user: nil).request(.connect, .local(1))
            pause(milliseconds: 200)
            #expect(text() == quiet)
            // A place that cannot be written changes nothing.
            try write(plain + "log: { output: /nowhere/at/all.log }\n", for: gateway)
            gateway.process.signal(SIGHUP)
            #expect(eventually { text().contains("/nowhere/at/all.log") })
            #expect(text().contains("\"level\":\"error\""))
        }
    }

    @Test func `what needs a start is said with its reason, once`() throws {
        try withGateway(.socks()) { gateway in
            let plain = try String(contentsOfFile: gateway.file, encoding: .utf8)
            let state = "  state: \(gateway.folder.root)/state\n"
            let changed = plain.replacing(
                state,
                with: state.replacing("/state\n", with: "/other\n") + "  loops: 1\n  node: n\n")
            try write(changed.replacing("interval: 1s", with: "interval: 2s"), for: gateway)
            try reload(gateway)
            gateway.process.signal(SIGHUP)
            pause(milliseconds: 300)
            for words in [
                "weir.state", "weir.loops", "weir.node",
                "a plugin reads its options when it starts",
            ] {
                #expect(gateway.log.ranges(of: words).count == 1, "\(words)")
            }
            try write(
                changed.replacing("  loops: 1\n", with: "  loops: 1\n  admin: false\n"),
                for: gateway)
            gateway.process.signal(SIGHUP)
            let isGone = eventually {
                !FileManager.default.fileExists(atPath: gateway.folder.path("state/admin.sock"))
            }
            #expect(isGone)
        }
    }

    /// Half of the services change with every reload, some come and go; flows run through it all.
    @Test func `a thousand services are reloaded under load and no byte is lost`() throws {
        let origin = try TCPOrigin.echo()
        let folder = try TemporaryFolder()
        let ports = try (0..<1000).map { _ in try Ports.free() }
        func yaml(_ round: Int) -> String {
            var lines = ["services:"]
            for (index, port) in ports.enumerated() {
                if index > 900, (index + round) % 3 == 0 { continue }
                let timeout = index % 2 == 0 ? "\(60 + round)s" : "60s"
                lines.append(
                    "  - { name: s\(index), addr: \"127.0.0.1:\(port)\", handler: { type: socks5, "
                        + "metadata: { statsGUID: meter, readTimeout: \(timeout) } } }")
            }
            lines += [
                "plugins:", "  - guid: meter", "    type: wing-meter",
                "    options: { interval: 1s, store: { sqlite: \(folder.root)/meter.db }, "
                    + "flows: { jsonl: \(folder.root)/meter.jsonl } }",
                "weir: { state: \(folder.root)/state }",
            ]
            return lines.joined(separator: "\n") + "\n"
        }
        var text = GatewayText.socks()
        text.literal = yaml(0).replacing("127.0.0.1:\(ports[0])\"", with: "127.0.0.1:PORT\"")
        try withGateway(text, folder: folder) { gateway in
            func served(_ index: Int) -> Address {
                index == 0 ? gateway.address : .local(ports[index])
            }
            // The first of them listens long before the last.
            #expect(eventually(within: 60) { gateway.log.contains("\"ready\"") })
            let clients = try (0..<40).map { number in
                let client = try SOCKSClient(served(number * 22), user: nil)
                #expect(try client.request(.connect, origin.address).code == 0)
                return client
            }
            var sent = [Int](repeating: 0, count: clients.count)
            func exchange() throws {
                for (index, client) in clients.enumerated() {
                    let bytes = [UInt8].pattern(500 + index)
                    try client.socket.send(bytes)
                    #expect(try client.socket.receive(exactly: bytes.count) == bytes)
                    sent[index] += bytes.count
                }
            }
            try exchange()
            for round in 1...2 {
                let next = yaml(round).replacing(
                    "127.0.0.1:\(ports[0])\"", with: "127.0.0.1:\(gateway.port)\"")
                try write(next, for: gateway)
                let before = gateway.log.ranges(of: "\"reloaded\"").count
                gateway.process.signal(SIGHUP)
                let start = Date()
                while gateway.log.ranges(of: "\"reloaded\"").count == before,
                    Date().timeIntervalSince(start) < 60
                {
                    try exchange()
                }
                #expect(gateway.log.ranges(of: "\"reloaded\"").count == before + 1)
                let fresh = try SOCKSClient(served(11 * round), user: nil)
                #expect(try fresh.request(.connect, origin.address).code == 0)
                fresh.socket.close()
            }
            try exchange()
            for client in clients { client.socket.close() }
            let records = try gateway.records(clients.count + 2)
            let counted = records.map { Int($0.uplinkBytes) }.filter { $0 > 0 }.sorted()
            #expect(counted == sent.sorted())
            #expect(records.map { Int($0.downlinkBytes) }.filter { $0 > 0 }.sorted() == counted)
            #expect(records.allSatisfy { $0.end.cause == "finished" })
        }
    }
}

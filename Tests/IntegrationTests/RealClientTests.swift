import Foundation
import Testing

@Suite("Real clients and servers", .ownThread)
struct RealClientTests {
    /// What curl says it moved.
    private struct Transfer {
        let uplink: Int
        let downlink: Int
        let result: Finished

        init(_ result: Finished) throws {
            self.result = result
            let figures = result.output.split(separator: " ").compactMap { Int($0) }
            guard result.isSuccess, figures.count == 4 else { throw HarnessFailure("\(result)") }
            uplink = figures[0] + figures[1]
            downlink = figures[2] + figures[3]
        }
    }

    private func curl(_ words: [String], in folder: TemporaryFolder) throws -> Finished {
        let format = "%{size_request} %{size_upload} %{size_header} %{size_download}"
        return try run(
            ["curl", "-sS", "-o", folder.path("body"), "--max-time", "20", "-w", format] + words,
            in: folder)
    }

    @Test(
        .enabled(if: Tools.has("curl"), "curl is not installed"),
        arguments: ["socks5", "socks5h", "socks4", "socks4a"])
    func `curl moves exactly what is recorded`(scheme: String) throws {
        let body = [UInt8].pattern(123_457)
        let origin = try TCPOrigin.http(body: body)
        try withGateway { gateway in
            let transfer = try Transfer(
                curl(
                    [
                        "-x", "\(scheme)://127.0.0.1:\(gateway.port)",
                        "http://localhost:\(origin.port)/x", "--ipv4",
                    ], in: gateway.folder))
            #expect(try Data(contentsOf: URL(filePath: gateway.folder.path("body"))) == Data(body))
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == transfer.uplink)
            #expect(record.downlinkBytes == transfer.downlink)
            #expect(record.uplinkBytes == origin.connections.first?.received)
            let isNamed = scheme == "socks5h" || scheme == "socks4a"
            #expect(record.host == (isNamed ? "localhost" : nil))
        }
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"))
    func `curl with a password, up and down, equals usage by user`() throws {
        let body = [UInt8].pattern(50_000)
        let origin = try TCPOrigin.upload(answer: body)
        try withGateway(.socks(isClosed: true)) { gateway in
            let upload = try gateway.folder.write([UInt8].pattern(777_777), to: "upload")
            var uplink: [String: Int] = [:]
            var downlink: [String: Int] = [:]
            for user in ["alice", "bob", "alice"] {
                let transfer = try Transfer(
                    curl(
                        [
                            "-x", "socks5h://\(user):pw-of-\(user)@127.0.0.1:\(gateway.port)",
                            "--data-binary", "@\(upload)", "-H", "Expect:",
                            "http://127.0.0.1:\(origin.port)/",
                        ], in: gateway.folder))
                uplink[user, default: 0] += transfer.uplink
                downlink[user, default: 0] += transfer.downlink
            }
            let usage = try gateway.usage(by: "user") { $0.flows == 3 && $0["bob"] != nil }
            for user in ["alice", "bob"] {
                #expect(usage[user]?.uplinkBytes == uplink[user])
                #expect(usage[user]?.downlinkBytes == downlink[user])
            }
            #expect(usage["alice"]?.flows == 2 && usage["bob"]?.flows == 1)
            let received = origin.connections.map(\.received).reduce(0, +)
            #expect(usage.uplinkBytes == received)
        }
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"))
    func `curl with a wrong password is refused by the proxy`() throws {
        let origin = try TCPOrigin.http(body: [1])
        try withGateway(.socks(isClosed: true)) { gateway in
            for login in ["alice:nonsense@", ""] {
                let result = try curl(
                    [
                        "-x", "socks5h://\(login)127.0.0.1:\(gateway.port)",
                        "http://127.0.0.1:\(origin.port)/",
                    ], in: gateway.folder)
                #expect(result.exit == .code(97), "\(result)")
            }
            #expect(origin.connections.isEmpty)
        }
    }

    @Test(.enabled(if: Tools.has("curl") && Tools.hasIPv6, "no curl or no IPv6 on loopback"))
    func `curl reaches an IPv6 origin`() throws {
        let origin = try TCPOrigin.http(body: .pattern(1000), on: Address("::1", 0))
        try withGateway { gateway in
            let transfer = try Transfer(
                curl(
                    [
                        "-x", "socks5h://127.0.0.1:\(gateway.port)",
                        "http://[::1]:\(origin.port)/",
                    ], in: gateway.folder))
            #expect(try gateway.onlyRecord().downlinkBytes == transfer.downlink)
        }
    }

    @Test(
        .enabled(
            if: Tools.has("curl") && Tools.has("openssl"), "curl or openssl is not installed"))
    func `curl speaks TLS to openssl's server through the gateway`() throws {
        try withGateway { gateway in
            let folder = gateway.folder
            let port = try Ports.free()
            let certificate = try Certificate.make(in: folder)
            let server = try ChildProcess(
                [
                    "openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-WWW", "-quiet",
                    "-key", certificate.key, "-cert", certificate.file,
                ], in: folder)
            defer { server.kill() }
            try folder.write([UInt8].pattern(200_000), to: "page")
            #expect(eventually { SocketTable.listens(on: port) }, "\(server.errors)")
            let result = try curl(
                [
                    "-x", "socks5h://127.0.0.1:\(gateway.port)", "--cacert",
                    certificate.file, "https://localhost:\(port)/page",
                ], in: folder)
            #expect(result.isSuccess, "\(result)")
            #expect(try Data(contentsOf: URL(filePath: folder.path("body"))).count == 200_000)
        }
    }

    @Test(
        .enabled(if: Tools.hasOpenBSDNetcat, "OpenBSD nc is not installed"), arguments: ["5", "4"])
    func `OpenBSD nc pipes through the gateway`(version: String) throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            let input = String(repeating: "The weir measures the river.\n", count: 4000)
            let result = try run(
                [
                    "nc", "-N", "-X", version, "-x", "127.0.0.1:\(gateway.port)", "127.0.0.1",
                    "\(origin.port)",
                ], in: gateway.folder, input: input)
            #expect(result.isSuccess, "\(result.errors)")
            #expect(result.output == input)
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == input.utf8.count)
            #expect(record.downlinkBytes == input.utf8.count)
        }
    }

    @Test(
        .enabled(if: Tools.pythonHas("socks"), "PySocks is not installed"),
        arguments: ["tcp", "udp"])
    func `PySocks moves exactly what is recorded`(kind: String) throws {
        let tcp = try TCPOrigin.echo()
        let udp = try UDPOrigin()
        let port = kind == "tcp" ? tcp.port : udp.port
        let sizes = ["1", "100", "1400", "20000", "60000"]
        try withGateway(.socks(isClosed: true)) { gateway in
            let result = try run(
                [
                    Tools.python, Tools.script("pysocks_client.py"), kind,
                    "\(gateway.port)", "\(port)", "bob", "pw-of-bob",
                ] + sizes, in: gateway.folder)
            try #require(result.isSuccess, "\(result)")
            let record = try gateway.onlyRecord()
            #expect(record.user == "bob" && record.protocol == kind)
            #expect(record.uplinkBytes == 81_501 && record.downlinkBytes == 81_501)
            if kind == "udp" {
                #expect(record.uplinkPackets == 5 && record.downlinkPackets == 5)
                #expect(udp.figures.receivedBytes == record.uplinkBytes)
            }
        }
    }

    @Test(
        .enabled(
            if: Tools.has("dig") && Tools.has("dnsmasq") && Tools.has("python3"),
            "dig, dnsmasq or python3 is not installed"))
    func `dig asks dnsmasq over a UDP association`() throws {
        try withGateway { gateway in
            let folder = gateway.folder
            let (server, shim) = (try Ports.free(), try Ports.free())
            let dnsmasq = try ChildProcess(
                [
                    Tools.path("dnsmasq") ?? "dnsmasq", "--keep-in-foreground", "--port=\(server)",
                    "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv",
                    "--no-hosts", "--address=/weir.test/192.0.2.77", "--conf-file=/dev/null",
                    "--pid-file=\(folder.path("dnsmasq.pid"))", "--user=root",
                ], in: folder)
            defer { dnsmasq.kill() }
            #expect(eventually { SocketTable.isBound(udp: server) }, "\(dnsmasq.errors)")
            let figures = folder.path("figures")
            let helper = try ChildProcess(
                [
                    "python3", Tools.script("udp_shim.py"), "\(shim)", "\(gateway.port)",
                    "\(server)", figures,
                ], in: folder)
            defer { helper.kill() }
            #expect(eventually { SocketTable.isBound(udp: shim) }, "\(helper.errors)")
            for name in ["a.weir.test", "b.weir.test", "c.weir.test"] {
                let result = try run(
                    [
                        "dig", "@127.0.0.1", "-p", "\(shim)", name, "A", "+short", "+tries=1",
                        "+time=5",
                    ], in: folder)
                #expect(result.output == "192.0.2.77\n", "\(result)\(helper.errors)")
            }
            let moved = try JSONDecoder().decode(
                [String: Int].self, from: Data(readText(figures).utf8))
            helper.kill()
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == moved["sent"])
            #expect(record.downlinkBytes == moved["received"])
            #expect(record.uplinkPackets == 3 && record.downlinkPackets == 3)
        }
    }
}

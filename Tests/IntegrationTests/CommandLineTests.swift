import Foundation
import Glibc
import Testing

@Suite("The command line", .ownThread)
struct CommandLineTests {
    private let folder: TemporaryFolder
    private let port: UInt16

    init() throws {
        folder = try TemporaryFolder()
        port = try Ports.free()
    }

    private func check(_ yaml: String, _ more: [String] = []) throws -> Finished {
        let file = try folder.write(yaml, to: "gateway.yaml")
        return try Gateway.command(["check", "-C", file] + more, in: folder)
    }

    private func socks(_ text: GatewayText = .socks(), at address: String? = nil) -> String {
        text.yaml(folder: folder.root, addresses: [address ?? "127.0.0.1:\(port)"])
    }

    @Test func `the version is said on one line`() throws {
        let result = try Gateway.command(["-V"], in: folder)
        #expect(result.isSuccess && result.output.hasPrefix("weir "), "\(result)")
        #expect(result.output.split(separator: "\n").count == 1)
    }

    @Test func `a good file passes the check, which starts nothing`() throws {
        let result = try check(socks(.socks(isClosed: true)))
        #expect(result.isSuccess, "\(result)")
        #expect(!exists(folder.path("meter.db")), "check made a database")
    }

    @Test func `every mistake is said in one run, with its place`() throws {
        let result = try check(
            """
            services:
              - name: one
                addr: "127.0.0.1:99999"
                handler: { type: sokcs5, auther: nobody }
                listener: { type: tcp }
                colour: blue
              - name: one
                addr: "127.0.0.1:1080"
                handler: { type: socks5, metadata: { readTimeout: soon } }
                listener: { type: tcp }
            plugins:
              - { guid: meter, type: wing-metre }
            """)
        #expect(result.exit == .code(2))
        let place = /gateway\.yaml:(\d+):\d+: error: .+/
        let lines = Set(
            result.errors.split(separator: "\n").compactMap { line in
                line.firstMatch(of: place).map { String($0.1) }
            })
        #expect(lines.isSuperset(of: ["3", "4", "6", "7", "9", "12"]), "\(result)")
        #expect(result.errors.contains("did you mean"), "\(result)")
        #expect(result.errors.contains("^"), "\(result)")
    }

    @Test(arguments: [
        "services: [", "a: 1\na: 2\n", "services:\n  - {}\n", "services: 7\n",
        "---\na: 1\n---\nb: 2\n",
        "", "\u{0}", "x: &x [*x]\n",
    ])
    func `a file that is no configuration is refused`(yaml: String) throws {
        let result = try check(yaml)
        #expect(result.exit == .code(2), "\(result)")
        #expect(!result.errors.isEmpty)
    }

    @Test func `an alias bomb is refused at once`() throws {
        var yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            let alias = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            yaml += "a\(level): &a\(level) [\(alias)]\n"
        }
        let result = try check(yaml + socks())
        #expect(result.exit == .code(2), "\(result.exit)")
    }

    @Test func `an unreadable file is refused`() throws {
        let result = try Gateway.command(["check", "-C", folder.path("none.yaml")], in: folder)
        #expect(result.exit == .code(2) && result.errors.contains("none.yaml"), "\(result)")
        let directory = try Gateway.command(["check", "-C", folder.root], in: folder)
        #expect(directory.exit == .code(2), "\(directory)")
    }

    @Test func `wrong words are wrong usage`() throws {
        for words in [["--nonsense"], ["frobnicate"], ["check", "--nonsense"], ["-O", "toml"]] {
            let result = try Gateway.command(words, in: folder)
            #expect(result.exit == .code(2), "\(words): \(result)")
            #expect(!result.errors.isEmpty, "\(words) is refused without a word")
        }
    }

    @Test func `a refused configuration does not start either`() throws {
        let file = try folder.write("services:\n  - colour: blue\n", to: "gateway.yaml")
        let result = try Gateway.command(["-C", file], in: folder)
        #expect(result.exit == .code(2), "\(result)")
        #expect(result.errors.contains("gateway.yaml:2:"), "\(result)")
    }

    @Test func `an empty password is refused`() throws {
        var text = GatewayText.socks(isClosed: true)
        text.users = [("alice", "")]
        let result = try check(socks(text))
        #expect(result.exit == .code(2) && result.errors.contains("gateway.yaml:"), "\(result)")
    }

    @Test func `the password of the examples serves loopback only`() throws {
        var text = GatewayText.socks(isClosed: true)
        text.users = [("alice", "secret")]
        let open = ["0.0.0.0:\(port)", ":\(port)", "[::]:\(port)", "192.0.2.1:\(port)"]
        for address in open {
            let result = try check(socks(text, at: address))
            #expect(result.exit == .code(2), "\(address): \(result)")
        }
        for address in ["127.0.0.1:\(port)", "[::1]:\(port)"] {
            let result = try check(socks(text, at: address))
            #expect(result.isSuccess, "\(address): \(result)")
        }
    }

    @Test func `two services on one address are refused`() throws {
        var text = GatewayText.socks()
        text.services.append(.init(name: "second"))
        let addresses = ["127.0.0.1:\(port)", "127.0.0.1:\(port)"]
        let result = try check(text.yaml(folder: folder.root, addresses: addresses))
        #expect(result.exit == .code(2) && result.errors.contains("\(port)"), "\(result)")
    }

    @Test func `a port in use is said and ends the start`() throws {
        let holder = try Socket.listen(on: .local(port))
        let file = try folder.write(socks(), to: "gateway.yaml")
        let result = try Gateway.command(["-C", file], in: folder)
        #expect(!result.isSuccess, "\(result)")
        #expect((result.errors + result.output).contains("\(holder.port)"), "\(result)")
    }

    @Test func `the merged configuration printed is a configuration`() throws {
        let file = try folder.write(socks(), to: "one.yaml")
        for format in ["yaml", "json"] {
            let printed = try Gateway.command(["-C", file, "-O", format], in: folder)
            try #require(printed.isSuccess, "\(printed)")
            #expect(printed.output.contains("127.0.0.1:\(port)"))
            if format == "json" {
                _ = try JSONSerialization.jsonObject(with: Data(printed.output.utf8))
            }
            let again = try folder.write(printed.output, to: "again.\(format)")
            let result = try Gateway.command(["check", "-C", again], in: folder)
            #expect(result.isSuccess, "\(format): \(result)\(printed.output)")
        }
    }

    @Test func `files, standard input and inline JSON are merged`() throws {
        let first = try folder.write(socks(), to: "one.yaml")
        let second = """
            services:
              - name: second
                addr: "127.0.0.1:\(try Ports.free())"
                handler: { type: socks5 }
                listener: { type: tcp }
            """
        let inline = #"{"log": {"level": "debug"}}"#
        let result = try Gateway.command(
            ["-C", first, "-C", "-", "-C", inline, "-O", "json"], in: folder, input: second)
        try #require(result.isSuccess, "\(result)")
        #expect(result.output.contains("\"socks\"") && result.output.contains("\"second\""))
        #expect(result.output.contains("debug"))
    }

    @Test func `keys of any case, anchors and merge keys are read`() throws {
        let result = try check(
            """
            Services:
              - NAME: one
                Addr: "127.0.0.1:\(port)"
                handler: &handler { TYPE: socks5, metadata: { READTIMEOUT: 3 } }
                listener: { type: tcp }
              - name: two
                addr: "127.0.0.1:\(try Ports.free())"
                handler: { <<: *handler }
                listener: { type: tcp }

            """)
        #expect(result.isSuccess, "\(result)")
    }

    @Test func `a service of the command line serves and asks for its password`() throws {
        let origin = try TCPOrigin.echo()
        let url = "socks5://carol:pw-of-carol@127.0.0.1:\(port)"
        let gateway = try ChildProcess([Gateway.binary, "-L", url], in: folder)
        defer { gateway.kill() }
        let isReady = eventually { SocketTable.listens(on: port) || !gateway.isRunning }
        try #require(isReady && gateway.isRunning, "\(gateway.errors)")
        let client = try SOCKSClient(.local(port), user: "carol")
        #expect(try client.request(.connect, origin.address).code == 0)
        #expect(try SOCKSClient(.local(port)).greet([0]) == 0xff)
        client.socket.close()
        gateway.signal(SIGTERM)
        #expect(gateway.exit(within: 20) == .code(0))
        #expect(!(gateway.errors + gateway.output).contains("pw-of-carol"))
    }

    @Test func `a forward of the command line reaches its target`() throws {
        let origin = try TCPOrigin.echo()
        let url = "tcp://127.0.0.1:\(port)/127.0.0.1:\(origin.port)"
        let gateway = try ChildProcess([Gateway.binary, "-L", url], in: folder)
        defer { gateway.kill() }
        let isReady = eventually { SocketTable.listens(on: port) || !gateway.isRunning }
        try #require(isReady && gateway.isRunning, "\(gateway.errors)")
        let client = try Socket.connect(to: .local(port))
        try client.send([1, 2])
        #expect(try client.receive(exactly: 2) == [1, 2])
    }
}

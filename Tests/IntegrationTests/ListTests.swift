import Foundation
import Glibc
import Testing

@Suite("Lists from files, changed while the gateway runs", .ownThread)
struct ListTests {
    /// Runs a service with objects whose files lie in `FOLDER`. Their periods are an hour: what
    /// happens at once is told by the kernel.
    private func serve(
        _ service: String, _ objects: String, files: [String: String], isClosed: Bool = false,
        _ body: (Gateway) throws -> Void
    ) throws {
        let folder = try TemporaryFolder()
        let manager = FileManager.default
        try manager.createDirectory(
            atPath: folder.path("inner"), withIntermediateDirectories: false)
        for (name, text) in files { _ = try folder.write(text, to: name) }
        var text = GatewayText.socks(isClosed: false, more: [service])
        if isClosed { text.services[0].auther = "people" }
        text.more = objects.replacing("FOLDER", with: folder.root)
        try withGateway(text, folder: folder, body)
    }

    /// Puts a new file in the place of the old one, as editors and `mv` do.
    private func replace(_ name: String, _ text: String, in gateway: Gateway) throws {
        let new = try gateway.folder.write(text, to: name + ".new")
        rename(new, gateway.folder.path(name))
    }

    private func reply(_ gateway: Gateway, _ target: Address) throws -> UInt8 {
        try SOCKSClient(gateway.address, user: nil).request(.connect, target).code
    }

    @Test func `a bypass file that is replaced, broken and emptied`() throws {
        let origin = try TCPOrigin.echo()
        try serve(
            "bypass: list",
            "bypasses: [ { name: list, file: { path: \"FOLDER/list\" }, reload: 1h } ]\n",
            files: ["list": "192.0.2.1\n"]
        ) { gateway in
            #expect(try reply(gateway, origin.address) == ReplyCode.succeeded)
            try replace("list", "127.0.0.0/8:\(origin.port)\n", in: gateway)
            let isRefused = try eventually {
                try reply(gateway, origin.address) == ReplyCode.notAllowed
            }
            #expect(isRefused)
            try replace("list", "127.0.0.300\n", in: gateway)
            #expect(eventually { gateway.log.contains("list:1:1: ") })
            #expect(try reply(gateway, origin.address) == ReplyCode.notAllowed)
            _ = try gateway.folder.write("# nothing\n", to: "list")
            let isAllowed = try eventually {
                try reply(gateway, origin.address) == ReplyCode.succeeded
            }
            #expect(isAllowed)
        }
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"))
    func `curl is let in, is told no, and is not let in`() throws {
        let origin = try TCPOrigin.http(body: Array("hello".utf8))
        try serve(
            "admission: clients\n    bypass: places",
            """
            admissions: [ { name: clients, file: { path: "FOLDER/clients" }, reload: 1h } ]
            bypasses: [ { name: places, file: { path: "FOLDER/places" }, reload: 1h } ]

            """, files: ["clients": "192.0.2.1\n", "places": ".denied.test\n"]
        ) { gateway in
            let curl = { (name: String) throws in
                try run(
                    [
                        "curl", "-sS", "--max-time", "10", "-x",
                        "socks5h://127.0.0.1:\(gateway.port)",
                        "http://\(name):\(origin.port)/",
                    ], in: gateway.folder)
            }
            #expect(try curl("127.0.0.1").output == "hello")
            // curl tells a refusal by the SOCKS server as "couldn't connect to the proxy" (97).
            #expect(try curl("www.denied.test").errors.contains("(2)"))
            try replace("clients", "127.0.0.0/8\n", in: gateway)
            #expect(try eventually { try !curl("127.0.0.1").isSuccess })
        }
    }

    @Test func `hosts and users that are replaced`() throws {
        let origin = try TCPOrigin.echo(on: Address("127.0.0.7", 0))
        try serve(
            "hosts: names",
            """
            hosts: [ { name: names, file: { path: "FOLDER/hosts" }, reload: 1h } ]
            authers: [ { name: people, file: { path: "FOLDER/users" }, reload: 1h } ]

            """,
            files: ["hosts": "127.0.0.6 here.test\n", "users": "carol pw-of-carol\n"],
            isClosed: true
        ) { gateway in
            let target = SOCKSTarget.name("here.test", origin.port)
            let first = try SOCKSClient(gateway.address)
            #expect(try first.greet([2]) == 2)
            #expect(try first.login("carol", "pw-of-carol") == 0)
            #expect(try first.request(.connect, target).code != ReplyCode.succeeded)
            try replace("hosts", "127.0.0.7 here.test\n", in: gateway)
            try replace("users", "dave pw-of-dave\ncarol pw-of-carol-2\n", in: gateway)
            let isNew = try eventually {
                let client = try SOCKSClient(gateway.address)
                guard try client.greet([2]) == 2, try client.login("dave", "pw-of-dave") == 0
                else { return false }
                return try client.request(.connect, target).code == ReplyCode.succeeded
            }
            #expect(isNew)
            try replace("users", "dave pw-of-dave pw-of-dave\n", in: gateway)
            #expect(eventually { gateway.log.contains("users:1:1: ") })
        }
    }

    @Test func `a file is found again when its directory was exchanged`() throws {
        let origin = try TCPOrigin.echo()
        try serve(
            "bypass: list",
            "bypasses: [ { name: list, file: { path: \"FOLDER/inner/list\" }, reload: 1h } ]\n",
            files: ["inner/list": "192.0.2.1\n"]
        ) { gateway in
            #expect(try reply(gateway, origin.address) == ReplyCode.succeeded)
            let inner = gateway.folder.path("inner")
            rename(inner, inner + ".old")
            #expect(eventually { gateway.log.contains("cannot be read") })
            try FileManager.default.createDirectory(
                atPath: inner, withIntermediateDirectories: false)
            for (list, code) in [
                ("127.0.0.0/8", ReplyCode.notAllowed), ("192.0.2.2", ReplyCode.succeeded),
            ] {
                try replace("inner/list", list + "\n", in: gateway)
                #expect(try eventually { try reply(gateway, origin.address) == code })
            }
        }
    }

    @Test func `a list is still followed after a reload made it anew`() throws {
        let origin = try TCPOrigin.echo()
        try serve(
            "bypass: list",
            "bypasses: [ { name: list, file: { path: \"FOLDER/list\" }, reload: 1h } ]\n",
            files: ["list": "192.0.2.1\n"]
        ) { gateway in
            let lists = ["127.0.0.0/8", "192.0.2.2", "127.0.0.0/8", "192.0.2.3"]
            for (index, list) in lists.enumerated() {
                try replace("list", list + "\n", in: gateway)
                let code = index % 2 == 0 ? ReplyCode.notAllowed : ReplyCode.succeeded
                #expect(try eventually { try reply(gateway, origin.address) == code })
                if index == 1 {
                    gateway.process.signal(SIGHUP)
                    #expect(eventually { gateway.log.contains("\"reloaded\"") })
                }
            }
        }
    }
}

import Foundation
import Glibc
import Testing

@Suite("The log", .ownThread)
struct LogTests {
    @Test func `each flow has one line at its end, in JSON`() throws {
        let origin = try TCPOrigin.echo()
        let datagrams = try UDPOrigin()
        try withGateway(.socks(isClosed: true)) { gateway in
            for _ in 0..<5 {
                let client = try SOCKSClient(gateway.address, user: "alice")
                #expect(try client.request(.connect, origin.address).code == 0)
                try client.socket.send([1, 2])
                client.socket.shutdownWriting()
                _ = try client.socket.receiveToEnd()
            }
            let association = try Association(gateway.address, user: "bob")
            _ = try association.exchange([1], with: datagrams.address)
            association.control.socket.close()
            let records = try gateway.records(6)
            #expect(try gateway.terminate() == .code(0))
            _ = try gateway.logLines()
            let lines = gateway.log.split(separator: "\n")
            for record in records {
                let own = lines.filter { $0.contains(record.flow) }
                #expect(own.count == 1, "\(own)")
                guard let line = own.first else { continue }
                #expect(line.contains(record.user ?? "?"), "\(line)")
                #expect(line.contains(record.destination), "\(line)")
            }
        }
    }

    @Test(.enabled(if: Tools.has("script"), "script is not installed"))
    func `on a terminal it is text`() throws {
        let folder = try TemporaryFolder()
        let port = try Ports.free()
        let yaml = GatewayText.socks().yaml(
            folder: folder.root, addresses: ["127.0.0.1:\(port)"])
        let file = try folder.write(yaml, to: "gateway.yaml")
        let command = "exec \(Gateway.binary) -C \(file)"
        let terminal = try ChildProcess(["script", "-qefc", command, "/dev/null"], in: folder)
        // The gateway is a session of its own there, out of reach of the harness.
        let own = { readText("/proc/\(terminal.pid)/task/\(terminal.pid)/children") }
        defer {
            for word in own().split(separator: " ") { _ = Int32(word).map { kill($0, SIGKILL) } }
            terminal.kill()
        }
        #expect(eventually(within: 30) { SocketTable.listens(on: port) }, "\(terminal.output)")
        #expect(eventually { !terminal.output.isEmpty })
        let lines = terminal.output.split(whereSeparator: \.isNewline)
        #expect(lines.allSatisfy { !$0.hasPrefix("{") }, "\(lines)")
        #expect(terminal.output.contains("\(port)"), "where it listens is not said")
    }

    @Test func `passwords are nowhere, not even wrong ones`() throws {
        try withGateway(.socks(isClosed: true)) { gateway in
            let wrong = "Tr0ub4dor-and-3"
            for password in [wrong, "pw-of-alice"] {
                let client = try SOCKSClient(gateway.address)
                _ = try client.greet([2])
                _ = try client.login("alice", password)
            }
            let client = try SOCKSClient(gateway.address, user: "alice")
            _ = try client.request(.connect, .name("no-such-name.invalid", 80))
            #expect(try gateway.terminate() == .code(0))
            #expect(!gateway.log.contains(wrong))
            #expect(!gateway.log.contains("pw-of-alice"))
            let base64 = Data(wrong.utf8).base64EncodedString()
            #expect(!gateway.log.contains(base64))
        }
    }

    @Test func `text from outside cannot forge a line or drive a terminal`() throws {
        let origin = try TCPOrigin.echo()
        let forged = "eve\n{\"level\":\"info\",\"msg\":\"forged\"}\u{1b}[2J\u{7}"
        var text = GatewayText.socks(isClosed: true)
        text.users.append(("nl\nand\u{1b}[31m", "pw-of-nl"))
        try withGateway(text) { gateway in
            let client = try SOCKSClient(gateway.address)
            _ = try client.greet([2])
            #expect(try client.login(forged, "x") != 0)
            let named = try SOCKSClient(gateway.address)
            _ = try named.greet([2])
            #expect(try named.login("nl\nand\u{1b}[31m", "pw-of-nl") == 0)
            #expect(try named.request(.connect, origin.address).code == 0)
            named.socket.shutdownWriting()
            _ = try named.socket.receiveToEnd()
            #expect(try gateway.onlyRecord().user == "nl\nand\u{1b}[31m")
            let alice = try SOCKSClient(gateway.address, user: "alice")
            _ = try alice.request(.connect, .name("x\r\n\u{1b}]0;t\u{7}.test", 80))
            #expect(try gateway.terminate() == .code(0))
            for line in try gateway.logLines() { #expect("\(line["msg"] ?? "")" != "forged") }
            let controls = gateway.log.unicodeScalars.filter { $0.value < 0x20 && $0 != "\n" }
            #expect(controls.isEmpty, "raw control characters in the log")
        }
    }

    @Test func `why a handshake failed is said`() throws {
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address)
            _ = try client.greet([2])
            _ = try client.login("mallory", "x")
            #expect(eventually { gateway.log.contains("mallory") }, "\(gateway.log)")
            #expect(gateway.log.contains("127.0.0.1"))
        }
    }
}

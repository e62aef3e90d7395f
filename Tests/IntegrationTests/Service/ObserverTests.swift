import Foundation
import Glibc
import Testing

/// What a real server is told, while it fails in every way, and while the gateway dies.
@Suite("Observers over HTTP", .ownThread)
struct ObserverTests {
    private let folder: TemporaryFolder
    private let server: PluginServer

    init() throws {
        folder = try TemporaryFolder()
        server = try PluginServer(folder)
    }

    private var text: GatewayText {
        var text = GatewayText.socks(
            isClosed: true, metadata: ["observer.period: 1s"], more: ["observer: panel"],
            serviceMetadata: ["enableStats: true", "observer.period: 1s"])
        text.services[0].handler = "socks5\n      observer: panel"
        text.more = """
            observers:
              - name: panel
                plugin:
                  type: http
                  addr: http://127.0.0.1:\(server.port)/observer
                  token: t0ken-of-mine
                  timeout: 500ms

            """
        return text
    }

    // MARK: A receiver

    /// What a receiver makes of messages: each counts once.
    private struct Receiver {
        var inputBytes: [String: Int] = [:]
        var outputBytes: [String: Int] = [:]
        var whole = 0
        var flows = 0
        var repeated = 0
        private var seen: [String: Int] = [:]

        init(_ requests: [PluginServer.Request]) {
            // What it did not understand, or was not up to, it has not counted.
            for request in requests where ["good", "lost"].contains(request.manner) {
                take(request.body["events"] as? [[String: Any]] ?? [])
            }
        }

        private mutating func take(_ events: [[String: Any]]) {
            guard let first = events.first, let boot = first["boot"] as? String,
                let kind = first["kind"] as? String, let sequence = first["seq"] as? Int
            else { return }
            guard sequence > seen[boot + kind] ?? 0 else {
                repeated += 1
                return
            }
            seen[boot + kind] = sequence
            for event in events where event["type"] as? String == "stats" {
                for part in ["tcp", "udp"] {
                    let moved = event[part] as? [String: Any] ?? [:]
                    let up = moved["uplink_bytes"] as? Int ?? 0
                    let down = moved["downlink_bytes"] as? Int ?? 0
                    if kind == "service" {
                        whole += up + down
                        continue
                    }
                    let client = event["client"] as? String ?? ""
                    inputBytes[client, default: 0] += up
                    outputBytes[client, default: 0] += down
                    flows += moved["flows"] as? Int ?? 0
                }
            }
        }
    }

    private var receiver: Receiver { Receiver(server.requests("/observer")) }

    private func echo(_ gateway: Gateway, _ origin: TCPOrigin, _ user: String, _ count: Int) throws
    {
        let client = try SOCKSClient(gateway.address, user: user)
        #expect(try client.request(.connect, origin.address).code == 0)
        let sender = Sender(client.socket, count: count)
        #expect(try client.socket.receive(exactly: count).count == count)
        try sender.wait()
        client.socket.close()
    }

    // MARK: Tests

    @Test func `states and counts come in gost's shape, with ours behind`() throws {
        try server.start()
        let (origin, datagrams) = (try TCPOrigin.echo(), try UDPOrigin())
        try withGateway(text, folder: folder) { gateway in
            try echo(gateway, origin, "alice", 1000)
            let association = try Association(gateway.address, user: "bob")
            _ = try association.exchange([UInt8](repeating: 7, count: 100), with: datagrams.address)
            #expect(
                eventually(within: 15) {
                    receiver.inputBytes == ["alice": 1000, "bob": 100] && receiver.whole == 2200
                }, "\(receiver)")
            association.control.socket.close()
        }
        let requests = server.requests("/observer")
        #expect(requests.allSatisfy { $0.token == "Bearer t0ken-of-mine" })
        let events = requests.flatMap { $0.body["events"] as? [[String: Any]] ?? [] }
        let states = events.compactMap { $0["status"] as? [String: String] }
        #expect(states.map { $0["state"] } == ["running", "ready", "closed"])
        #expect(states.first?["msg"] == "service socks is running")
        let alice = try #require(events.first { $0["client"] as? String == "alice" })
        let stats = try #require(alice["stats"] as? [String: Int])
        #expect(
            Set(stats.keys) == [
                "totalConns", "currentConns", "inputBytes", "outputBytes", "totalErrs",
            ])
        let bob = try #require(events.last { $0["client"] as? String == "bob" })
        #expect((bob["udp"] as? [String: Int])?["uplink_packets"] ?? 0 <= 1)
        #expect((bob["stats"] as? [String: Int])?["currentConns"] == 0, "the last word")
        #expect((bob["tcp"] as? [String: Int])?["uplink_bytes"] == 0)
    }

    @Test(arguments: [1, 2])
    func `over failures by chance every byte is told, and counts once`(seed: Int) throws {
        try server.behave("random \(seed)")
        try server.start()
        let origin = try TCPOrigin.echo()
        var sent = ["alice": 0, "bob": 0]
        try withGateway(text, folder: folder) { gateway in
            for round in 0..<12 {
                let user = round % 2 == 0 ? "alice" : "bob"
                let count = 1 + round * 4999
                try echo(gateway, origin, user, count)
                sent[user, default: 0] += count
                if round == 4 { server.kill() }
                if round == 8 { try server.start() }
                pause(milliseconds: 300)
            }
            try server.behave("good")
            let isWhole = eventually(within: 20) {
                receiver.inputBytes == sent && receiver.outputBytes == sent
                    && receiver.whole == 2 * sent.values.reduce(0, +)
            }
            #expect(isWhole, "\(receiver), not \(sent)")
            #expect(receiver.flows == 12)
        }
        #expect(receiver.inputBytes == sent, "more came at the end")
    }

    @Test func `a gateway that is killed tells the rest after its next start`() throws {
        try server.start()
        let origin = try TCPOrigin.echo()
        let gateway = try Gateway(text, folder: folder)
        let client = try SOCKSClient(gateway.address, user: "alice")
        #expect(try client.request(.connect, origin.address).code == 0)
        var sent = 0
        for round in 1...4 {
            try client.socket.send(.pattern(round * 1000))
            #expect(try client.socket.receive(exactly: round * 1000).count == round * 1000)
            sent += round * 1000
            if round == 2 { try server.behave("lost") }
            pause(milliseconds: 700)
        }
        // Some was told and taken, some told and not answered, some was never told.
        try gateway.restart()
        try server.behave("good")
        let isWhole = eventually(within: 20) {
            receiver.inputBytes == ["alice": sent] && receiver.whole == 2 * sent
        }
        #expect(isWhole, "\(receiver), not \(sent)")
        #expect(receiver.repeated > 0 && receiver.flows == 1)
        #expect(try gateway.terminate() == .code(0))
        #expect(receiver.inputBytes == ["alice": sent])
    }

    @Test func `an answer without ok is said once, with what is wanted`() throws {
        try server.behave("refuse")
        try server.start()
        let origin = try TCPOrigin.echo()
        let gateway = try Gateway(text, folder: folder)
        try echo(gateway, origin, "alice", 10)
        #expect(eventually(within: 15) { server.requests("/observer").count >= 5 })
        try server.behave("hang")
        pause(milliseconds: 1500)
        try server.behave("good")
        #expect(eventually(within: 15) { receiver.inputBytes == ["alice": 10] })
        #expect(try gateway.terminate() == .code(0))
        let lines = gateway.log.split(separator: "\n")
        let failures = lines.filter { $0.contains("a plugin's server fails") }
        #expect(failures.count == 1, "\(failures)")
        #expect(failures.first?.contains(#"{\"ok\":true}, which says that"#) == true, "\(failures)")
        #expect(lines.count { $0.contains("a plugin's server works again") } == 1)
        #expect(!gateway.log.contains("t0ken"))
    }

    @Test func `a server that hangs holds up neither flows nor the end`() throws {
        try server.behave("hang")
        try server.start()
        let origin = try TCPOrigin.echo()
        try withGateway(text, folder: folder) { gateway in
            for _ in 0..<3 { try echo(gateway, origin, "alice", 100_000) }
            #expect(try gateway.terminate(within: 15) == .code(0))
        }
        // The next run tells what this one could not.
        try server.behave("good")
        let gateway = try Gateway(text, folder: folder)
        #expect(
            eventually(within: 15) { receiver.inputBytes == ["alice": 300_000] }, "\(receiver)")
        #expect(try gateway.terminate() == .code(0))
    }
}

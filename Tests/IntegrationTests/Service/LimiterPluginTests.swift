import Foundation
import Testing

/// Limits asked of a real server, which changes its mind, fails, and comes back.
@Suite("Limiter plugins over HTTP", .ownThread)
struct LimiterPluginTests {
    private let folder: TemporaryFolder
    private let server: PluginServer

    init() throws {
        folder = try TemporaryFolder()
        server = try PluginServer(folder)
        try server.limit("client 0 0\n")
    }

    private var text: GatewayText {
        var text = GatewayText.socks(
            isClosed: true, metadata: ["limiter.refreshInterval: 1s"], more: ["limiter: panel"],
            serviceMetadata: ["limiter.refreshInterval: 1s"])
        text.services[0].handler = "socks5\n      limiter: panel"
        text.more = """
            limiters:
              - name: panel
                plugin:
                  type: http
                  addr: http://127.0.0.1:\(server.port)/limiter
                  token: t0ken-of-mine
                  timeout: 500ms

            """
        return text
    }

    /// How long bytes took to come back, in seconds.
    private func echo(_ gateway: Gateway, _ origin: TCPOrigin, _ count: Int) throws -> Double {
        let client = try SOCKSClient(gateway.address, user: "alice")
        #expect(try client.request(.connect, origin.address).code == 0)
        client.socket.setTimeout(seconds: 60)
        let start = ContinuousClock.now
        let sender = Sender(client.socket, count: count)
        #expect(try client.socket.receiveToEnd().count == count)
        try sender.wait()
        return (ContinuousClock.now - start) / .seconds(1)
    }

    @Test func `what the server says holds, of each scope, and anew when it says otherwise`()
        throws
    {
        try server.start()
        let origin = try TCPOrigin.echo()
        try withGateway(text, folder: folder) { gateway in
            _ = try echo(gateway, origin, 1_000_000)
            let asked = server.requests("/limiter")
            #expect(asked.allSatisfy { $0.token == "Bearer t0ken-of-mine" })
            #expect(Set(asked.compactMap { $0.body["scope"] as? String }).count == 3)
            let client = asked.first { $0.body["scope"] as? String == "client" }?.body
            #expect(client?["client"] as? String == "alice")
            #expect(client?["service"] as? String == "socks")
            let connection = asked.first { $0.body["scope"] as? String == "conn" }?.body
            #expect((connection?["src"] as? String)?.hasPrefix("127.0.0.1:") == true)
            try server.limit("client 200000 0\n")
            pause(milliseconds: 2500)
            // At most a burst and what was granted in advance come at once.
            #expect(try echo(gateway, origin, 600_000) > 1.5)
            try server.limit("conn 0 200000\n")
            #expect(try echo(gateway, origin, 600_000) > 1.5)
            try server.limit("service 200000 0\n")
            pause(milliseconds: 2500)
            #expect(try echo(gateway, origin, 600_000) > 1.5)
        }
    }

    @Test func `a server that is gone leaves its limits in force, and is said once`() throws {
        try server.limit("client 200000 0\n")
        try server.start()
        let origin = try TCPOrigin.echo()
        let gateway = try Gateway(text, folder: folder)
        #expect(try echo(gateway, origin, 400_000) > 0.8)
        server.kill()
        pause(milliseconds: 2500)
        #expect(try echo(gateway, origin, 600_000) > 1.5)
        try server.behave("nonsense")
        try server.start()
        #expect(try echo(gateway, origin, 600_000) > 1.5)
        // Questions that are on their way while it recovers may be answered in either order.
        let failures = gateway.log.split(separator: "\n")
            .count { $0.contains("a plugin's server fails") }
        #expect(failures == 1, "\(gateway.log)")
        try server.behave("good")
        #expect(
            eventually(within: 15) {
                _ = try? echo(gateway, origin, 1000)
                return gateway.log.contains("a plugin's server works again")
            })
        #expect(try gateway.terminate() == .code(0))
        #expect(!gateway.log.contains("t0ken"))
    }

    @Test func `a server that hangs from the start holds nothing up for long`() throws {
        try server.behave("hang")
        try server.start()
        let (origin, datagrams) = (try TCPOrigin.echo(), try UDPOrigin())
        try withGateway(text, folder: folder) { gateway in
            _ = try echo(gateway, origin, 1_000_000)
            let association = try Association(gateway.address, user: "bob")
            let payload = [UInt8](repeating: 7, count: 100)
            #expect(try association.exchange(payload, with: datagrams.address) == payload)
        }
    }
}

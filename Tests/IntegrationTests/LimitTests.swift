import Foundation
import Testing

@Suite("Rates, connection limits and quotas", .ownThread)
struct LimitTests {
    private func text(_ more: [String], _ objects: String) -> GatewayText {
        var text = GatewayText.socks(isClosed: true, more: more)
        text.more = objects
        return text
    }

    private func connect(
        _ gateway: Gateway, _ user: String, _ origin: TCPOrigin
    ) throws -> Socket? {
        let client = try SOCKSClient(gateway.address, user: user)
        return try client.request(.connect, origin.address).code == 0 ? client.socket : nil
    }

    /// What a client gets back of what it sends to an echo, until the flow ends.
    private func echoed(_ socket: Socket, most: Int) -> Int {
        var received = 0
        do {
            while received < most {
                try socket.send([UInt8](repeating: 7, count: 1000))
                let answer = try socket.receive()
                if answer.isEmpty { break }
                received += answer.count
            }
        } catch {
            // Cut: that is how it ends.
        }
        return received
    }

    @Test func `a rate holds up a download and loses nothing of it`() throws {
        let body = [UInt8].pattern(600_000)
        let origin = try TCPOrigin.greeting(body)
        let objects = "limiters: [ { name: l, limits: [ \"user:alice 0 300KB\" ] }]\n"
        try withGateway(text(["limiter: l"], objects)) { gateway in
            let start = Date()
            let slow = try #require(try connect(gateway, "alice", origin))
            #expect(try slow.receiveToEnd() == body)
            let seconds = Date().timeIntervalSince(start)
            #expect(seconds > 1.5, "600,000 bytes came in \(seconds) s")
        }
    }

    @Test func `over its climiter a service closes the connection and takes the next`() throws {
        let origin = try TCPOrigin.echo()
        let objects = "climiters: [ { name: c, limits: [ $ 1 ] }]\n"
        try withGateway(text(["climiter: c"], objects)) { gateway in
            let first = try #require(try connect(gateway, "alice", origin))
            try first.send([1])
            #expect(try first.receive(exactly: 1) == [1])
            let second = try Socket.connect(to: gateway.address)
            #expect(second.isClosedByPeer())
            try first.send([2])
            #expect(try first.receive(exactly: 1) == [2])
            first.close()
            let isFree = eventually(within: 20) {
                guard let third = try? connect(gateway, "alice", origin) else { return false }
                return (try? third.send([3])) != nil && (try? third.receive(exactly: 1)) == [3]
            }
            #expect(isFree)
        }
    }

    @Test func `a quota ends its user's flows to the byte, refuses new ones, and survives kill -9`()
        throws
    {
        let origin = try TCPOrigin.echo()
        let limit = 300 * 1024
        let objects = """
            quotas:
              - { name: q, limits: [ "$user 300KB" ], period: monthly, timeZone: UTC }

            """
        try withGateway(text(["quotas: q"], objects)) { gateway in
            var received = 0
            // Twice killed while a flow is open; what it moved counts.
            for _ in 0..<2 {
                let socket = try #require(try connect(gateway, "alice", origin))
                received += echoed(socket, most: 40_000)
                // What one call is moving at the moment of death is nowhere yet: let it be quiet.
                pause(milliseconds: 100)
                gateway.process.kill()
                try gateway.restart()
            }
            let rest = try #require(try connect(gateway, "alice", origin))
            received += echoed(rest, most: 10 * limit)
            // Each byte that came back was counted twice: up and down. What was on its way when
            // the flow was cut had moved one way.
            #expect(2 * received <= limit)
            #expect(2 * received >= limit - 2 * 65_536 - 4000)
            let refused = try connect(gateway, "alice", origin)
            #expect(refused == nil)
            let bob = try #require(try connect(gateway, "bob", origin))
            #expect(echoed(bob, most: 5000) >= 5000)
            bob.close()
            let usage = try gateway.usage(by: "user") { usage in
                (usage["bob"]?.uplinkBytes ?? 0) >= 5000
            }
            let alice = try #require(usage["alice"])
            #expect(alice.uplinkBytes + alice.downlinkBytes <= limit)
            #expect(alice.uplinkBytes + alice.downlinkBytes >= limit - 20_000)
            try gateway.restart()
            let still = try connect(gateway, "alice", origin)
            #expect(still == nil)
        }
    }
}

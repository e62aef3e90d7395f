import Foundation
import Glibc
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

    @Test func `a limiter's file that is replaced holds for flows that run`() throws {
        let body = [UInt8].pattern(6_000_000)
        let origin = try TCPOrigin.greeting(body)
        let folder = try TemporaryFolder()
        _ = try folder.write("user:alice 0 20KB\n", to: "rates")
        _ = try folder.write("$$ 1\n", to: "counts")
        let objects = """
            limiters: [ { name: l, file: { path: "\(folder.path("rates"))" }, reload: 1h } ]
            climiters: [ { name: c, file: { path: "\(folder.path("counts"))" }, reload: 1h } ]

            """
        try withGateway(text(["limiter: l", "climiter: c"], objects), folder: folder) { gateway in
            let slow = try #require(try connect(gateway, "alice", origin))
            #expect(try slow.receive(exactly: 1000).count == 1000)
            let second = try Socket.connect(to: gateway.address)
            #expect(second.isClosedByPeer())
            // At 20 KB a second the rest would take five minutes.
            let rates = try folder.write("user:alice 0 500MB\n", to: "rates.new")
            #expect(rename(rates, folder.path("rates")) == 0)
            let rest = try slow.receiveToEnd()
            #expect(rest.count == body.count - 1000)
            _ = try folder.write("$$ 1x\n", to: "counts")
            #expect(eventually { gateway.log.contains("counts:1:4: ") })
            _ = try folder.write("$$ 9\n", to: "counts")
            let isOpen = eventually {
                guard let third = try? connect(gateway, "alice", origin) else { return false }
                return (try? third.receive(exactly: 1)) != nil
            }
            #expect(isOpen)
            // The file's name, and what stands beside it, come from the configuration that runs.
            let moved = try folder.write("user:alice 0 9KB\n", to: "others")
            let yaml = try String(contentsOfFile: gateway.file, encoding: .utf8)
            let changed = yaml.replacing(folder.path("rates"), with: moved)
            try changed.write(toFile: gateway.file, atomically: true, encoding: .utf8)
            gateway.process.signal(SIGHUP)
            #expect(eventually { gateway.log.contains("\"reloaded\"") })
            _ = try folder.write("user:alice 0 500MB\n", to: "rates")
            pause(milliseconds: 300)
            let fourth = try #require(try connect(gateway, "alice", origin))
            let start = Date()
            #expect(try fourth.receive(exactly: 20_000).count == 20_000)
            #expect(Date().timeIntervalSince(start) > 1)
        }
    }

    @Test func `a quota that a reload brings back knows what was used of it`() throws {
        let origin = try TCPOrigin.echo()
        let objects = "quotas: [ { name: q, limits: [ \"user:alice 100KB\" ] } ]\n"
        let with = text(["quotas: q"], objects)
        try withGateway(with) { gateway in
            let socket = try #require(try connect(gateway, "alice", origin))
            #expect(echoed(socket, most: 40_000) >= 40_000)
            socket.close()
            _ = try gateway.records(1)
            let yaml = try String(contentsOfFile: gateway.file, encoding: .utf8)
            let without = yaml.replacing("    quotas: q\n", with: "")
            #expect(without != yaml)
            try without.write(toFile: gateway.file, atomically: true, encoding: .utf8)
            try gateway.restart()
            // Flows that open while nobody names the quota have no part in it.
            let free = try #require(try connect(gateway, "alice", origin))
            #expect(echoed(free, most: 200_000) >= 200_000)
            try yaml.write(toFile: gateway.file, atomically: true, encoding: .utf8)
            gateway.process.signal(SIGHUP)
            #expect(eventually { gateway.log.contains("\"reloaded\"") })
            #expect(echoed(free, most: 50_000) >= 50_000)
            let late = try #require(try connect(gateway, "alice", origin))
            let most = echoed(late, most: 1_000_000)
            #expect(2 * most <= 102_400 - 80_000)
            #expect(try connect(gateway, "alice", origin) == nil)
        }
    }

    @Test func `flows through a chain keep to the rate, and a check knows time zones`() throws {
        let body = [UInt8].pattern(600_000)
        let origin = try TCPOrigin.greeting(body)
        try withGateway(.socks()) { exit in
            let node = "{ name: n, addr: \"127.0.0.1:\(exit.port)\", connector: { type: socks5 } }"
            let objects = """
                limiters: [ { name: l, limits: [ "$ip 0 300KB" ] } ]
                chains: [ { name: out, hops: [ { name: h, nodes: [ \(node) ] } ] } ]

                """
            var text = text(["limiter: l"], objects)
            text.services[0].handler = "socks5\n      chain: out"
            try withGateway(text) { gateway in
                let start = Date()
                let slow = try #require(try connect(gateway, "alice", origin))
                #expect(try slow.receiveToEnd() == body)
                #expect(Date().timeIntervalSince(start) > 1.5)
                let zone = try gateway.folder.write(
                    """
                    services: [ { name: s, addr: "127.0.0.1:1", handler: { type: socks5 },
                                  quotas: q } ]
                    quotas: [ { name: q, limit: 1GB, period: daily, timeZone: Europe/Berlim } ]

                    """, to: "zone.yaml")
                let check = try Gateway.command(["check", "-C", zone], in: gateway.folder)
                #expect(!check.isSuccess)
                #expect(check.errors.contains("error: there is no time zone 'Europe/Berlim'"))
                let file = try gateway.folder.write("x", to: "occupied")
                let state = try gateway.folder.write(
                    "services: [ { name: s, addr: \"127.0.0.1:1\", handler: { type: socks5 } } ]\n"
                        + "weir: { state: \(file)/deep/state }\n", to: "state.yaml")
                let second = try Gateway.command(["check", "-C", state], in: gateway.folder)
                #expect(second.errors.contains("'\(file)' is no folder"), "\(second)")
            }
        }
    }
}

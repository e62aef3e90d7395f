import Foundation
import Glibc
import Testing

@Suite("kill -9 in a loop, restarted on the same files", .ownThread)
struct CrashTests {
    /// The most that one system call moves: a full pipe.
    private static let oneCall = 1 << 20

    /// Runs load, kills the gateway, waits until the peers have seen its end, and starts it again.
    private func crash(_ gateway: Gateway, _ load: Load) throws {
        load.start(gateway.address, uploads: 2, downloads: 2)
        pause(milliseconds: Int.random(in: 300...1800))
        gateway.process.kill()
        load.stop()
        try #require(eventually(within: 20) { load.isOver }, "a peer has not seen the end")
        try gateway.restart()
    }

    @Test func `usage is what the peers received, less one call per open flow, never more`()
        throws
    {
        let load = try Load()
        var text = GatewayText.socks(isClosed: true)
        text.users = Load.users
        try withGateway(text) { gateway in
            let rounds = 6
            for round in 1...rounds {
                try crash(gateway, load)
                let flows = load.seen.flows
                let usage = try gateway.usage(by: "user") { usage in
                    flows.allSatisfy { usage[$0.key]?.flows ?? 0 >= $0.value }
                }
                try compare(usage, load, longFlows: 2 * round, crashes: round)
            }
            let finished = load.seen.finished
            #expect(finished > rounds, "the load was none")
        }
    }

    /// Usage by user against what the peers have seen.
    private func compare(_ usage: Usage, _ load: Load, longFlows: Int, crashes: Int) throws {
        let seen = load.seen
        let up = try #require(usage["up"]).uplinkBytes
        let upSeen = load.uplink["up"] ?? 0
        #expect(up <= upSeen, "more billed than delivered: \(up - upSeen)")
        #expect(upSeen - up <= longFlows * Self.oneCall, "lost \(upSeen - up) bytes up")
        let down = try #require(usage["down"]).downlinkBytes
        let downSeen = seen.downlink["down"] ?? 0
        #expect(down <= downSeen, "more billed than delivered: \(down - downSeen)")
        #expect(downSeen - down <= longFlows * Self.oneCall, "lost \(downSeen - down) bytes down")
        // Of the short flows only the one that was open at each crash may miss its bytes.
        let short = try #require(usage["short"])
        let shortSeen = load.uplink["short"] ?? 0
        let slack = crashes * Load.shortBytes
        #expect(short.uplinkBytes <= shortSeen && shortSeen - short.uplinkBytes <= slack)
        let answered = seen.finished * Load.shortBytes
        #expect(short.downlinkBytes >= answered - slack)
        #expect(short.downlinkBytes <= answered + slack)
    }

    @Test func `every flow has one record, flows of the dead boot end with crash`() throws {
        let load = try Load()
        var text = GatewayText.socks(isClosed: true)
        text.users = Load.users
        try withGateway(text) { gateway in
            let crashes = 4
            for _ in 0..<crashes { try crash(gateway, load) }
            let flows = load.seen.flows
            _ = try gateway.usage(by: "user") { usage in
                flows.allSatisfy { usage[$0.key]?.flows ?? 0 >= $0.value }
            }
            // Everything is written by then.
            #expect(try gateway.terminate() == .code(0))
            let records = try gateway.records(flows.values.reduce(0, +) - crashes)
            #expect(Set(records.map(\.flow)).count == records.count, "a flow has two records")
            let usage = try gateway.usage(by: "user")
            for (user, count) in flows {
                let own = records.filter { $0.user == user }
                // The reply goes out just before the flow is opened, and may be read after it: at
                // each crash a flow can be on either side, before its first byte.
                #expect(own.count >= count - crashes && own.count <= count + crashes, "\(user)")
                #expect(usage[user]?.flows == own.count)
                #expect(usage[user]?.uplinkBytes == own.map(\.uplinkBytes).reduce(0, +))
                #expect(usage[user]?.downlinkBytes == own.map(\.downlinkBytes).reduce(0, +))
            }
            let long = records.filter { $0.user != "short" }
            #expect(long.allSatisfy { $0.end.cause == "crash" && $0.end.by == "gateway" })
            #expect(Set(long.map(\.boot)).count == crashes)
        }
    }

    @Test func `a crash before the first interval loses nothing that was delivered`() throws {
        let origin = try TCPOrigin.echo()
        var text = GatewayText.socks(isClosed: true)
        text.interval = "60s"
        try withGateway(text) { gateway in
            let client = try SOCKSClient(gateway.address, user: "alice")
            #expect(try client.request(.connect, origin.address).code == 0)
            try client.socket.send(.pattern(5000))
            #expect(try client.socket.receive(exactly: 5000).count == 5000)
            // The last write has surely been counted by then.
            pause(milliseconds: 100)
            gateway.process.kill()
            try gateway.restart()
            let usage = try gateway.usage(by: "user") { $0.flows == 1 }
            #expect(usage["alice"]?.uplinkBytes == 5000)
            #expect(usage["alice"]?.downlinkBytes == 5000)
            #expect(try gateway.onlyRecord().end.cause == "crash")
            // And once is enough.
            gateway.process.kill()
            try gateway.restart()
            pause(milliseconds: 500)
            #expect(try gateway.usage(by: "user")["alice"]?.uplinkBytes == 5000)
            #expect(try gateway.onlyRecord().uplinkBytes == 5000)
        }
    }

    @Test func `bulk at full speed is counted up to the call in flight`() throws {
        let sink = try TCPOrigin.sink()
        let source = try TCPOrigin { connection in
            let block = [UInt8](repeating: 7, count: 1 << 20)
            while true { try connection.send(block) }
        }
        try withGateway(.socks(isClosed: true)) { gateway in
            for round in 1...3 {
                let up = try SOCKSClient(gateway.address, user: "alice")
                #expect(try up.request(.connect, sink.address).code == 0)
                let sender = Sender(up.socket, count: 1 << 40)
                let down = try SOCKSClient(gateway.address, user: "bob")
                #expect(try down.request(.connect, source.address).code == 0)
                var received = 0
                let deadline = Deadline(0.7)
                while !deadline.hasPassed { received += try down.socket.receive().count }
                gateway.process.kill()
                received += try down.socket.receiveToEnd(orReset: true).count
                #expect(throws: (any Error).self) { try sender.wait() }
                #expect(eventually { sink.connections.allSatisfy(\.isEnded) })
                try gateway.restart()
                let usage = try gateway.usage(by: "flow") { $0.flows == 2 * round }
                let records = try gateway.records(2 * round)
                let ups = records.filter { $0.user == "alice" }.map(\.uplinkBytes).reduce(0, +)
                let delivered = sink.connections.map(\.received).reduce(0, +)
                #expect(ups <= delivered && delivered - ups <= round * Self.oneCall)
                let last = try #require(records.last { $0.user == "bob" })
                #expect(last.downlinkBytes <= received)
                #expect(received - last.downlinkBytes <= Self.oneCall)
                #expect(usage.uplinkBytes == records.map(\.uplinkBytes).reduce(0, +))
                #expect(usage.downlinkBytes == records.map(\.downlinkBytes).reduce(0, +))
            }
        }
    }

    @Test func `datagrams survive a crash as well`() throws {
        let origin = try UDPOrigin()
        try withGateway(.socks(isClosed: true)) { gateway in
            let association = try Association(gateway.address, user: "bob")
            for _ in 0..<100 {
                _ = try association.exchange([1, 2, 3, 4], with: origin.address)
            }
            pause(milliseconds: 100)
            gateway.process.kill()
            try gateway.restart()
            let usage = try gateway.usage(by: "user") { $0.flows == 1 }
            #expect(usage["bob"]?.uplinkBytes == 400 && usage["bob"]?.downlinkBytes == 400)
            let record = try gateway.onlyRecord()
            #expect(record.uplinkPackets == 100 && record.downlinkPackets == 100, "\(record)")
        }
    }

    @Test(.enabled(if: Tools.hasNamespaces, "namespaces need privilege"))
    func `a full disk is said loudly, metering goes on and catches up`() throws {
        let folder = try TemporaryFolder()
        try Namespaces.enterMounts()
        let disk = try Namespaces.mountSmallDisk(1 << 20, in: folder)
        let origin = try TCPOrigin.echo()
        var text = GatewayText.socks(isClosed: true)
        text.dataFolder = disk
        try withGateway(text, folder: folder) { gateway in
            func move(_ count: Int) throws {
                let client = try SOCKSClient(gateway.address, user: "alice")
                guard try client.request(.connect, origin.address).code == 0 else {
                    throw HarnessFailure("not connected")
                }
                try client.socket.send(.pattern(count))
                client.socket.shutdownWriting()
                _ = try client.socket.receiveToEnd()
            }
            try move(100)
            _ = try gateway.usage(by: "user") { $0.flows == 1 }
            let filler = disk + "/filler"
            fill(filler)
            for _ in 0..<200 { try move(1000) }
            let isSaid = eventually(within: 15) {
                let log = gateway.log.lowercased()
                return log.contains("disk") || log.contains("space") || log.contains("full")
            }
            #expect(isSaid, "\(gateway.log.suffix(1500))")
            let loud = try gateway.logLines().contains { line in
                ["warn", "warning", "error", "fatal"].contains("\(line["level"] ?? "")")
            }
            #expect(loud, "nothing above info in the log")
            try move(1000)
            unlink(filler)
            let usage = try gateway.usage(by: "user") { $0.flows == 202 }
            #expect(usage["alice"]?.uplinkBytes == 201_100 && usage.flows == 202)
            #expect(usage["alice"]?.downlinkBytes == 201_100)
            let records = try gateway.records(202)
            #expect(records.count == 202 && Set(records.map(\.flow)).count == 202)
        }
    }

    /// Writes until there is no room for a byte more.
    private func fill(_ path: String) {
        let file = open(path, O_WRONLY | O_CREAT, 0o600)
        defer { close(file) }
        for size in [65_536, 4096, 512, 1] {
            let block = [UInt8](repeating: 0, count: size)
            while write(file, block, size) > 0 {}
        }
    }
}

import Foundation
import Glibc
import Testing

@Suite("Bad input in quantity", .serialized, .ownThread)
struct BadInputTests {
    /// Starts the gateway with this many descriptors.
    private static func limit(_ count: Int) -> [String] {
        ["sh", "-c", "ulimit -n \(count) && exec \"$@\"", "sh"]
    }

    /// One small echo through the gateway, which everyone else's trouble must not touch.
    private func expectService(_ gateway: Gateway, _ origin: TCPOrigin) throws {
        let client = try SOCKSClient(gateway.address, user: nil)
        #expect(try client.request(.connect, origin.address).code == 0)
        try client.socket.send(Array("still here".utf8))
        #expect(try client.socket.receive(exactly: 10) == Array("still here".utf8))
        client.socket.shutdownWriting()
        #expect(try client.socket.receiveToEnd().isEmpty)
    }

    private func expectDescriptors(_ gateway: Gateway, _ baseline: Int) {
        let isBack = eventually(within: 20) { gateway.figures.descriptors <= baseline }
        #expect(isBack, "\(gateway.figures.descriptors) descriptors, \(baseline) before")
    }

    /// What the gateway keeps open when it has served once and is idle.
    private func settledDescriptors(_ gateway: Gateway, _ origin: TCPOrigin) throws -> Int {
        try expectService(gateway, origin)
        pause(milliseconds: 300)
        return gateway.figures.descriptors + 2
    }

    private static var hardLimit: Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(7), &limit)
        return Int(min(limit.rlim_max, 1 << 30))
    }

    @Test(.enabled(if: hardLimit >= 11_000 && Tools.has("python3"), "too few descriptors here"))
    func `5,000 idle connections cost little and disturb nobody`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(), launcher: Self.limit(Self.hardLimit)) { gateway in
            let baseline = try settledDescriptors(gateway, origin)
            let before = gateway.figures.residentBytes
            let sink = try Ports.free()
            let idle = try ChildProcess(
                Self.limit(Self.hardLimit) + [
                    "python3", Tools.script("idle_connections.py"), "\(gateway.port)", "\(sink)",
                    "5000",
                ], in: gateway.folder)
            defer { idle.kill() }
            let isOpen = eventually(within: 120) {
                idle.output.contains("open") || !idle.isRunning
            }
            try #require(isOpen && idle.isRunning, "\(idle.errors)")
            #expect(gateway.figures.descriptors >= 10_000)
            let cost = (gateway.figures.residentBytes - before) / 5000
            #expect(cost <= 4096, "\(cost) bytes per idle flow")
            try expectService(gateway, origin)
            let busy = gateway.figures.cpuSeconds(over: 2)
            #expect(busy < 0.4, "\(busy) CPU seconds in 2 quiet ones")
            idle.kill()
            expectDescriptors(gateway, baseline)
            let usage = try gateway.usage(by: "service") { $0.flows == 5002 }
            #expect(usage.flows == 5002)
            try expectService(gateway, origin)
        }
    }

    @Test func `2,000 connections opened and reset leave nothing behind`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            let baseline = try settledDescriptors(gateway, origin)
            let whole = [5, 1, 0, 5, 1, 0] + origin.address.socks5 + [1, 2, 3]
            for round in 0..<2000 {
                let socket = try Socket.connect(to: gateway.address)
                try socket.send(whole[..<(round % (whole.count + 1))])
                socket.reset()
                if round % 500 == 250 { try expectService(gateway, origin) }
            }
            expectDescriptors(gateway, baseline)
            try expectService(gateway, origin)
        }
    }

    @Test(.enabled(if: hardLimit >= 8000, "too few descriptors here"))
    func `3,000 half-open handshakes meet their deadline`() throws {
        let origin = try TCPOrigin.echo()
        let text = GatewayText.socks(metadata: ["readTimeout: 5s"])
        try withGateway(text, launcher: Self.limit(Self.hardLimit)) { gateway in
            let baseline = try settledDescriptors(gateway, origin)
            let silent = try ChildProcess(
                Self.limit(Self.hardLimit) + [
                    "python3", Tools.script("half_open.py"), "\(gateway.port)", "3000",
                ], in: gateway.folder)
            defer { silent.kill() }
            let isOpen = eventually(within: 60) {
                silent.output.contains("open") || !silent.isRunning
            }
            try #require(isOpen && silent.isRunning, "\(silent.errors)")
            try expectService(gateway, origin)
            // The clients never close: only the gateway's deadline can.
            expectDescriptors(gateway, baseline)
            try expectService(gateway, origin)
        }
    }

    @Test func `300 abandoned associations end with their connections`() throws {
        let tcp = try TCPOrigin.echo()
        let origin = try UDPOrigin()
        try withGateway(.socks(), launcher: Self.limit(4096)) { gateway in
            let baseline = try settledDescriptors(gateway, tcp)
            var associations: [Association] = []
            for _ in 0..<300 {
                let association = try Association(gateway.address)
                #expect(try association.exchange([1, 2], with: origin.address) == [1, 2])
                associations.append(association)
            }
            for (index, association) in associations.enumerated() {
                if index % 2 == 0 {
                    association.control.socket.reset()
                } else {
                    association.control.socket.close()
                }
            }
            expectDescriptors(gateway, baseline)
            let records = try gateway.records(301)
            #expect(records.count == 301)
            let datagrams = records.filter { $0.protocol == "udp" }
            #expect(datagrams.count == 300)
            #expect(datagrams.allSatisfy { $0.uplinkBytes == 2 && $0.downlinkBytes == 2 })
        }
    }

    @Test func `without descriptors accepting pauses, nothing dies, all comes back`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(), launcher: Self.limit(80)) { gateway in
            let baseline = try settledDescriptors(gateway, origin)
            let running = try SOCKSClient(gateway.address, user: nil)
            #expect(try running.request(.connect, origin.address).code == 0)
            var held: [Socket] = []
            for _ in 0..<150 { held.append(try Socket.connect(to: gateway.address)) }
            let isSaid = eventually {
                let log = gateway.log.lowercased()
                return log.contains("descriptor") || log.contains("too many open files")
                    || log.contains("emfile")
            }
            #expect(isSaid, "\(gateway.log.suffix(1500))")
            try running.socket.send([1, 2, 3])
            #expect(try running.socket.receive(exactly: 3) == [1, 2, 3])
            let busy = gateway.figures.cpuSeconds(over: 2)
            #expect(busy < 0.4, "\(busy) CPU seconds in 2 quiet ones")
            #expect(gateway.log.utf8.count < 200_000, "the log repeats itself")
            for socket in held { socket.close() }
            running.socket.close()
            expectDescriptors(gateway, baseline)
            try expectService(gateway, origin)
            #expect(try gateway.records(3).map(\.uplinkBytes).sorted() == [3, 10, 10])
        }
    }

    @Test func `without descriptors for the other half a client is told so`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(), launcher: Self.limit(80)) { gateway in
            let baseline = try settledDescriptors(gateway, origin)
            var clients: [SOCKSClient] = []
            var refused = 0
            while clients.count < 100, let client = try? SOCKSClient(gateway.address) {
                client.socket.setTimeout(seconds: 1)
                guard (try? client.greet([0])) == 0,
                    let reply = try? client.request(.connect, origin.address)
                else { break }
                if reply.code != 0 { refused += 1 }
                clients.append(client)
                if refused > 3 { break }
            }
            #expect(clients.count > 20, "only \(clients.count) connections from 80 descriptors")
            #expect(gateway.process.isRunning)
            for client in clients { client.socket.close() }
            expectDescriptors(gateway, baseline)
            try expectService(gateway, origin)
        }
    }

    @Test func `an idle gateway does nothing`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            try expectService(gateway, origin)
            let busy = gateway.figures.cpuSeconds(over: 3)
            #expect(busy < 0.15, "\(busy) CPU seconds in 3 idle ones")
        }
    }

    @Test func `a client that does not read stops its origin, not the gateway`() throws {
        let flood = try TCPOrigin { connection in
            let block = [UInt8](repeating: 1, count: 1 << 20)
            connection.socket.setTimeout(seconds: 5)
            for _ in 0..<256 { try connection.send(block) }
        }
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            let before = gateway.figures.residentBytes
            let client = try SOCKSClient(gateway.address, user: nil)
            #expect(try client.request(.connect, flood.address).code == 0)
            pause(milliseconds: 1500)
            let sent = try flood.firstConnection().sent
            #expect(sent < 64 << 20, "\(sent) bytes taken from the origin for a silent client")
            #expect(gateway.figures.residentBytes - before < 32 << 20)
            let busy = gateway.figures.cpuSeconds(over: 1)
            #expect(busy < 0.2, "\(busy) CPU seconds while nothing can move")
            try expectService(gateway, origin)
        }
    }
}

import Foundation
import Glibc
import Testing

@Suite("Trouble around the gateway", .ownThread)
struct ResilienceTests {
    private func exchange(_ gateway: Gateway, _ origin: TCPOrigin, user: String? = nil) throws {
        let client = try SOCKSClient(gateway.address, user: user)
        guard try client.request(.connect, origin.address).code == 0 else {
            throw HarnessFailure("not connected")
        }
        try client.socket.send([1, 2, 3])
        guard try client.socket.receive(exactly: 3) == [1, 2, 3] else {
            throw HarnessFailure("no echo")
        }
        client.socket.shutdownWriting()
        _ = try client.socket.receiveToEnd()
    }

    @Test func `two gateways do not share a state directory`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            let yaml = gateway.text.yaml(
                folder: gateway.folder.root, addresses: ["127.0.0.1:\(try Ports.free())"])
            let file = try gateway.folder.write(yaml, to: "second.yaml")
            let second = try Gateway.command(["-C", file], in: gateway.folder)
            #expect(!second.isSuccess, "\(second)")
            #expect(!second.errors.isEmpty)
            try exchange(gateway, origin)
            #expect(try gateway.onlyRecord().uplinkBytes == 3)
        }
    }

    @Test(.enabled(if: Tools.has("python3"), "python3 is not installed"))
    func `a store that someone else holds is caught up with`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            try exchange(gateway, origin)
            _ = try gateway.usage(by: "service") { $0.flows == 1 }
            let script = """
                import sqlite3, sys, time
                store = sqlite3.connect(sys.argv[1], isolation_level=None)
                store.execute("pragma busy_timeout = 5000")
                store.execute("begin immediate")
                print("held", flush=True)
                time.sleep(8)
                store.execute("rollback")
                """
            let holder = try ChildProcess(
                ["python3", "-c", script, gateway.database()], in: gateway.folder)
            defer { holder.kill() }
            #expect(eventually { holder.output.contains("held") }, "\(holder.errors)")
            for _ in 0..<50 { try exchange(gateway, origin) }
            #expect(holder.exit(within: 20) == .code(0), "\(holder.errors)")
            let usage = try gateway.usage(by: "service") { $0.flows == 51 }
            #expect(usage.flows == 51 && usage.uplinkBytes == 153)
            #expect(try gateway.records(51).count == 51)
        }
    }

    @Test func `damaged state does not keep it from starting, and is said`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            let state = gateway.folder.path("state")
            for round in 0..<6 {
                let client = try SOCKSClient(gateway.address, user: nil)
                #expect(try client.request(.connect, origin.address).code == 0)
                gateway.process.kill()
                for name in try FileManager.default.contentsOfDirectory(atPath: state) {
                    try damage("\(state)/\(name)", round: round)
                }
                try gateway.restart()
                try exchange(gateway, origin)
            }
        }
    }

    /// Shortens, fills or scrambles a file.
    private func damage(_ path: String, round: Int) throws {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        var bytes = Array(FileManager.default.contents(atPath: path) ?? Data())
        switch round {
        case 0: bytes = []
        case 1: bytes = Array(bytes.prefix(bytes.count / 2))
        case 2: bytes = [UInt8](repeating: 0xff, count: bytes.count)
        case 3: bytes = [UInt8](repeating: 0, count: bytes.count)
        case 4: bytes.append(contentsOf: [1, 2, 3])
        default: for index in bytes.indices where index % 97 == 3 { bytes[index] ^= 0x5a }
        }
        try Data(bytes).write(to: URL(filePath: path))
    }

    @Test func `a reader of its log that goes away does not take it along`() throws {
        let origin = try TCPOrigin.echo()
        // The log's reader takes one line and ends; the gateway's own status goes to a file.
        let launcher = ["sh", "-c", "{ \"$@\"; echo $? >status; } 2>&1 | head -n 1", "sh"]
        try withGateway(launcher: launcher) { gateway in
            for _ in 0..<20 { try exchange(gateway, origin) }
            let records = try gateway.records(20)
            #expect(records.count == 20)
            try stop(gateway)
        }
    }

    @Test func `a reader of its log that sleeps does not stop the gateway`() throws {
        let origin = try TCPOrigin.echo()
        let launcher = ["sh", "-c", "{ \"$@\"; echo $? >status; } 2>&1 | sleep 1000", "sh"]
        try withGateway(launcher: launcher) { gateway in
            // Several times what a pipe holds.
            for _ in 0..<600 { try exchange(gateway, origin) }
            #expect(try gateway.records(600).count == 600)
            try stop(gateway)
        }
    }

    /// Stops a gateway that is a grandchild of the test, with exit status 0.
    private func stop(_ gateway: Gateway) throws {
        let pattern = "-C\0\(gateway.file)\0"
        let own = try FileManager.default.contentsOfDirectory(atPath: "/proc")
            .compactMap { Int32($0) }
            .filter { pid in
                let words = readText("/proc/\(pid)/cmdline")
                return words.hasPrefix(Gateway.binary) && words.contains(pattern)
            }
        try #require(own.count == 1, "\(own)")
        kill(own[0], SIGTERM)
        let status = gateway.folder.path("status")
        #expect(eventually(within: 20) { readText(status) == "0\n" }, "\(readText(status))")
        gateway.process.kill()
    }

    @Test func `words on an association's TCP connection change nothing`() throws {
        let origin = try UDPOrigin()
        try withGateway { gateway in
            let association = try Association(gateway.address)
            let garbage = [UInt8](repeating: 0x05, count: 100_000)
            try association.control.socket.send(garbage)
            #expect(try association.exchange([1], with: origin.address) == [1])
            let busy = gateway.figures.cpuSeconds(over: 1)
            #expect(busy < 0.2, "\(busy) CPU seconds")
        }
    }

    @Test func `an association with 1,500 targets forgets none of their bytes`() throws {
        let origin = try UDPOrigin(on: Address("0.0.0.0", 0)) { _ in nil }
        try withGateway { gateway in
            let association = try Association(gateway.address)
            for index in 0..<1500 {
                let ip = "127.\(index % 7 + 1).\(index / 250).\(index % 250 + 1)"
                try association.send([1, 2], to: Address(ip, origin.port))
                if index % 32 == 0 { pause(milliseconds: 2) }
            }
            #expect(eventually { origin.figures.received == 1500 }, "\(origin.figures)")
            association.control.socket.close()
            let records = try gateway.records(1500)
            #expect(records.count == 1500 && Set(records.map(\.destination)).count == 1500)
            #expect(records.allSatisfy { $0.uplinkBytes == 2 && $0.uplinkPackets == 1 })
            let usage = try gateway.usage(by: "protocol") { $0.flows == 1500 }
            #expect(usage["udp"]?.uplinkBytes == 3000)
        }
    }

    @Test func `destinations that cannot be are refused at once`() throws {
        try withGateway { gateway in
            for address in [
                Address("127.0.0.1", 0), Address("255.255.255.255", 80), Address("224.0.0.1", 80),
                Address("ff02::1", 80), Address("::", 80), Address("0.0.0.0", 0),
            ] {
                let client = try SOCKSClient(gateway.address, user: nil)
                client.socket.setTimeout(seconds: 8)
                let reply = try client.request(.connect, address)
                #expect(reply.code != 0, "\(address)")
            }
        }
    }

    @Test func `a client that leaves while its origin is dialled takes the dialling along`() throws
    {
        let listener = try Socket.listen(backlog: 0)
        var held: [Socket] = []
        for _ in 0..<4 {
            if let socket = try? Socket.connect(to: listener.local, seconds: 0.3) {
                held.append(socket)
            }
        }
        try withGateway { gateway in
            let baseline = gateway.figures.descriptors
            for _ in 0..<20 {
                let client = try SOCKSClient(gateway.address, user: nil)
                try client.socket.send([5, 1, 0] + listener.local.socks5)
                pause(milliseconds: 20)
                client.socket.reset()
            }
            let isBack = eventually(within: 25) { gateway.figures.descriptors <= baseline + 2 }
            #expect(isBack, "\(gateway.figures.descriptors) descriptors, \(baseline) before")
        }
    }
}

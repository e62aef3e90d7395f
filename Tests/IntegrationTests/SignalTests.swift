import Glibc
import Testing

@Suite("Signals and stopping", .ownThread)
struct SignalTests {
    /// A gateway with one open flow that has moved 5 bytes each way.
    private func withOpenFlow(_ body: (Gateway, SOCKSClient) throws -> Void) throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address, user: "alice")
            #expect(try client.request(.connect, origin.address).code == 0)
            try client.socket.send(Array("first".utf8))
            #expect(try client.socket.receive(exactly: 5) == Array("first".utf8))
            try body(gateway, client)
        }
    }

    @Test func `SIGTERM stops accepting, lets flows finish, flushes and exits 0`() throws {
        try withOpenFlow { gateway, client in
            gateway.process.signal(SIGTERM)
            #expect(eventually { !SocketTable.listens(on: gateway.port) }, "still accepting")
            #expect(gateway.process.isRunning)
            try client.socket.send(Array("second".utf8))
            #expect(try client.socket.receive(exactly: 6) == Array("second".utf8))
            client.socket.shutdownWriting()
            #expect(try client.socket.receiveToEnd().isEmpty)
            #expect(gateway.process.exit(within: 10) == .code(0))
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == 11 && record.downlinkBytes == 11)
            #expect(record.end.cause == "finished")
            let usage = try gateway.usage(by: "user")
            #expect(usage["alice"]?.uplinkBytes == 11 && usage.flows == 1)
        }
    }

    @Test func `an idle gateway stops at once`() throws {
        try withGateway { gateway in
            let start = Deadline.now
            let exit = try gateway.terminate(within: 20)
            #expect(exit == .code(0))
            #expect(Deadline.now - start < 5)
        }
    }

    @Test func `flows that do not finish are cut at a deadline and recorded`() throws {
        try withOpenFlow { gateway, client in
            let exit = try gateway.terminate(within: 60)
            #expect(exit == .code(0))
            #expect(client.socket.isClosedByPeer())
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == 5 && record.downlinkBytes == 5)
            #expect(record.end.by == "gateway" && record.end.cause == "shutdown")
            #expect(try gateway.usage(by: "user")["alice"]?.uplinkBytes == 5)
        }
    }

    @Test func `a second SIGTERM cuts at once`() throws {
        try withOpenFlow { gateway, client in
            gateway.process.signal(SIGTERM)
            #expect(eventually { !SocketTable.listens(on: gateway.port) })
            #expect(gateway.process.isRunning)
            gateway.process.signal(SIGTERM)
            #expect(gateway.process.exit(within: 3) == .code(0))
            #expect(client.socket.isClosedByPeer())
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == 5 && record.end.cause == "shutdown")
            #expect(try gateway.usage(by: "user")["alice"]?.downlinkBytes == 5)
        }
    }

    @Test(arguments: [SIGHUP, SIGPIPE])
    func `SIGHUP and SIGPIPE do no harm`(signal: Int32) throws {
        try withOpenFlow { gateway, client in
            for _ in 0..<3 {
                gateway.process.signal(signal)
                pause(milliseconds: 50)
            }
            #expect(gateway.process.isRunning)
            try client.socket.send([1])
            #expect(try client.socket.receive(exactly: 1) == [1])
            _ = try SOCKSClient(gateway.address, user: "bob")
        }
    }

    @Test func `an association is recorded when the gateway stops`() throws {
        let origin = try UDPOrigin()
        try withGateway(.socks(isClosed: true)) { gateway in
            let association = try Association(gateway.address, user: "bob")
            for _ in 0..<10 {
                #expect(try association.exchange([1, 2, 3], with: origin.address) == [1, 2, 3])
            }
            gateway.process.signal(SIGTERM)
            gateway.process.signal(SIGTERM)
            #expect(gateway.process.exit(within: 60) == .code(0))
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == 30 && record.downlinkPackets == 10)
        }
    }

    @Test func `records of one stop and the next start add up`() throws {
        let origin = try TCPOrigin.sink()
        try withGateway(.socks(isClosed: true)) { gateway in
            for round in 1...4 {
                let client = try SOCKSClient(gateway.address, user: "alice")
                #expect(try client.request(.connect, origin.address).code == 0)
                try client.socket.send(.pattern(1000 * round))
                client.socket.shutdownWriting()
                _ = try client.socket.receiveToEnd()
                #expect(try gateway.terminate() == .code(0))
                try gateway.restart()
            }
            let usage = try gateway.usage(by: "user")
            #expect(usage["alice"]?.uplinkBytes == 10_000 && usage.flows == 4)
            let records = try gateway.records(4)
            #expect(records.count == 4 && Set(records.map(\.boot)).count == 4)
            #expect(records.allSatisfy { $0.end.cause == "finished" })
        }
    }
}

import Testing

@Suite("SOCKS4 and SOCKS4a", .ownThread)
struct SOCKS4Tests {
    /// The whole answer to a CONNECT request: version 0, code, port, address.
    private func ask(
        _ socket: Socket, port: UInt16, ip: [UInt8], user: String = "", name: String? = nil
    ) throws -> [UInt8] {
        let tail = Array(user.utf8) + [0] + (name.map { Array($0.utf8) + [0] } ?? [])
        try socket.send([4, 1, UInt8(port >> 8), UInt8(port & 255)] + ip + tail)
        return try socket.receive(exactly: 8)
    }

    @Test func `an address is reached`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            let socket = try Socket.connect(to: gateway.address)
            let answer = try ask(socket, port: origin.port, ip: [127, 0, 0, 1], user: "someone")
            #expect(answer.prefix(2) == [0, 90])
            try socket.send([1, 2, 3])
            #expect(try socket.receive(exactly: 3) == [1, 2, 3])
            socket.shutdownWriting()
            #expect(try socket.receiveToEnd().isEmpty)
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == 3 && record.downlinkBytes == 3)
            #expect(record.overheadUplinkBytes == 16 && record.overheadDownlinkBytes == 8)
            #expect(record.user == nil, "a SOCKS4 user id proves nothing")
        }
    }

    @Test func `a name is resolved by the gateway, bytes behind it kept`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            let socket = try Socket.connect(to: gateway.address)
            let port = origin.address.portBytes
            try socket.send([4, 1] + port + [0, 0, 0, 1] + Array("u\0localhost\0behind".utf8))
            #expect(try socket.receive(exactly: 8).prefix(2) == [0, 90])
            #expect(try socket.receive(exactly: 6) == Array("behind".utf8))
            socket.close()
            #expect(try gateway.onlyRecord().host == "localhost")
        }
    }

    @Test func `a failure is answered 91 and ends the connection`() throws {
        let closed = try Ports.free()
        try withGateway { gateway in
            let socket = try Socket.connect(to: gateway.address)
            #expect(try ask(socket, port: closed, ip: [127, 0, 0, 1]).prefix(2) == [0, 91])
            #expect(socket.isClosedByPeer())
            let link = try Socket.connect(to: gateway.address)
            #expect(try ask(link, port: 80, ip: [169, 254, 169, 254]).prefix(2) == [0, 91])
        }
    }

    @Test func `a gateway with users does not serve those who cannot say a password`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(isClosed: true)) { gateway in
            let socket = try Socket.connect(to: gateway.address)
            try socket.send(
                [4, 1] + origin.address.portBytes + [127, 0, 0, 1] + Array("alice\0".utf8))
            let answer = try socket.receiveToEnd(orReset: true)
            #expect(answer.isEmpty || answer[1] != 90, "\(answer)")
            #expect(origin.connections.isEmpty)
        }
    }

    @Test func `a user id without end is cut`() throws {
        try withGateway(.socks(metadata: ["readTimeout: 3s"])) { gateway in
            let socket = try Socket.connect(to: gateway.address)
            try socket.send([4, 1, 0, 80, 127, 0, 0, 1])
            let block = [UInt8](repeating: 0x41, count: 65_536)
            var sent = 0
            while sent < 64 << 20, (try? socket.send(block)) != nil { sent += block.count }
            #expect(socket.isClosedByPeer(within: 8))
            #expect(gateway.figures.residentBytes < 256 << 20)
        }
    }
}

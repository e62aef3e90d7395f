import Testing

@Suite("SOCKS5 CONNECT, RFC 1928 §4 and §6", .ownThread)
struct ConnectTests {
    @Test func `the reply has the address that the origin sees`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let reply = try client.request(.connect, origin.address)
            #expect(reply.code == ReplyCode.succeeded)
            #expect(try origin.firstConnection().socket.remote == reply.bound)
            try client.socket.send(Array("ping".utf8))
            #expect(try client.socket.receive(exactly: 4) == Array("ping".utf8))
        }
    }

    @Test(.enabled(if: Tools.hasIPv6, "no IPv6 on loopback"))
    func `an IPv6 destination is reached and answered as one`() throws {
        let origin = try TCPOrigin.echo(on: Address("::1", 0))
        try withGateway { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let reply = try client.request(.connect, origin.address)
            #expect(reply.code == ReplyCode.succeeded)
            #expect(reply.bound.isV6)
            try client.socket.send([1, 2, 3])
            #expect(try client.socket.receive(exactly: 3) == [1, 2, 3])
            client.socket.close()
            #expect(try gateway.onlyRecord().destination == "[::1]:\(origin.port)")
        }
    }

    @Test(.enabled(if: Tools.hasIPv6, "no IPv6 on loopback"))
    func `a gateway on IPv6 serves IPv4 destinations`() throws {
        let origin = try TCPOrigin.echo()
        var text = GatewayText.socks()
        text.services[0].address = "[::1]:\(try Ports.free())"
        try withGateway(text) { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            #expect(try client.request(.connect, origin.address).code == ReplyCode.succeeded)
            try client.socket.send([7])
            #expect(try client.socket.receive(exactly: 1) == [7])
        }
    }

    @Test func `a name is resolved by the gateway`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let reply = try client.request(.connect, .name("localhost", origin.port))
            #expect(reply.code == ReplyCode.succeeded)
            client.socket.close()
            let record = try gateway.onlyRecord()
            #expect(record.host == "localhost")
            #expect(record.destination == origin.address.description)
        }
    }

    @Test func `bytes behind the request reach the origin in order`() throws {
        let origin = try TCPOrigin.echo()
        let payload = [UInt8].pattern(9000)
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address)
            let login: [UInt8] =
                [1, 5] + Array("alice".utf8) + [11] + Array("pw-of-alice".utf8)
            let request: [UInt8] = [5, 1, 0] + origin.address.socks5
            try client.socket.send([5, 1, 2] + login + request + payload)
            let answers = try client.socket.receive(exactly: 2 + 2 + 10)
            #expect(answers.prefix(5) == [5, 2, 1, 0, 5] && answers[5] == 0)
            #expect(try client.socket.receive(exactly: payload.count) == payload)
            client.socket.shutdownWriting()
            #expect(try client.socket.receiveToEnd().isEmpty)
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == payload.count)
            #expect(record.downlinkBytes == payload.count)
            #expect(record.overheadUplinkBytes == 3 + login.count + request.count)
            #expect(record.overheadDownlinkBytes == 14)
        }
    }

    @Test func `a handshake of single bytes is the same handshake`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address)
            let login: [UInt8] =
                [1, 5] + Array("alice".utf8) + [11] + Array("pw-of-alice".utf8)
            let target = SOCKSTarget.name("localhost", origin.port).bytes
            for byte in [5, 1, 2] + login + [5, 1, 0] + target + Array("hello".utf8) {
                try client.socket.send([byte])
                pause(milliseconds: 3)
            }
            #expect(try client.socket.receive(exactly: 4) == [5, 2, 1, 0])
            #expect(try client.reply().code == ReplyCode.succeeded)
            #expect(try client.socket.receive(exactly: 5) == Array("hello".utf8))
        }
    }

    @Test func `the client's half-close lets the origin go on sending`() throws {
        let answer = [UInt8].pattern(300_000)
        let origin = try TCPOrigin { connection in
            while try !connection.receive().isEmpty {}
            pause(milliseconds: 300)
            try connection.send(answer)
        }
        try withGateway { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            #expect(try client.request(.connect, origin.address).code == 0)
            try client.socket.send(Array("question".utf8))
            client.socket.shutdownWriting()
            #expect(try client.socket.receiveToEnd() == answer)
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == 8 && record.downlinkBytes == answer.count)
            #expect(record.end.cause == "finished")
        }
    }

    @Test func `the origin's half-close lets the client go on sending`() throws {
        let origin = try TCPOrigin.greeting(Array("bye".utf8))
        let payload = [UInt8].pattern(300_000)
        try withGateway { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            #expect(try client.request(.connect, origin.address).code == 0)
            #expect(try client.socket.receiveToEnd() == Array("bye".utf8))
            pause(milliseconds: 300)
            try client.socket.send(payload)
            client.socket.shutdownWriting()
            let connection = try origin.firstConnection()
            #expect(eventually { connection.isEnded })
            #expect(connection.received == payload.count)
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == payload.count && record.downlinkBytes == 3)
        }
    }

    @Test func `an origin's reset reaches the client as its end`() throws {
        let origin = try TCPOrigin { connection in
            _ = try connection.receive()
            connection.socket.reset()
        }
        try withGateway { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            #expect(try client.request(.connect, origin.address).code == 0)
            try client.socket.send([1])
            #expect(client.socket.isClosedByPeer())
            let record = try gateway.onlyRecord()
            #expect(record.end.by == "upstream" && record.end.cause == "reset")
            #expect(record.uplinkBytes == 1)
        }
    }

    @Test func `a client's reset reaches the origin as its end`() throws {
        let origin = try TCPOrigin.sink()
        try withGateway { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            #expect(try client.request(.connect, origin.address).code == 0)
            try client.socket.send([1, 2])
            let connection = try origin.firstConnection()
            #expect(eventually { connection.received == 2 })
            client.socket.reset()
            #expect(eventually { connection.isEnded })
            let record = try gateway.onlyRecord()
            #expect(record.end.by == "client" && record.end.cause == "reset")
            #expect(record.uplinkBytes == 2)
        }
    }

    @Test func `both directions carry bulk at once, byte for byte`() throws {
        let size = 24 << 20
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            #expect(try client.request(.connect, origin.address).code == 0)
            let sender = Sender(client.socket, count: size)
            client.socket.setTimeout(seconds: 60)
            var checked = 0
            while checked < size {
                let bytes = try client.socket.receive(upTo: 1 << 20)
                try #require(!bytes.isEmpty, "ended after \(checked) bytes")
                let isSame = bytes.indices.allSatisfy { index in
                    bytes[index] == UInt8((checked + index) % 251)
                }
                try #require(isSame, "different after \(checked) bytes")
                checked += bytes.count
            }
            try sender.wait()
            #expect(try client.socket.receiveToEnd().isEmpty)
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == size && record.downlinkBytes == size)
        }
    }
}

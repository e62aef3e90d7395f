import Testing

@Suite("SOCKS5 BIND, RFC 1928 §4", .ownThread)
struct BindTests {
    @Test func `the awaited peer is announced, then relayed and metered`() throws {
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address, user: "alice")
            let first = try client.request(.bind, Address.anyLocal)
            #expect(first.code == ReplyCode.succeeded)
            #expect(first.bound.port != 0)
            let peer = try Socket.connect(to: Address.local(first.bound.port))
            let second = try client.reply()
            #expect(second.code == ReplyCode.succeeded)
            #expect(second.bound == peer.local, "the second reply names the peer")
            try client.socket.send(Array("to the peer".utf8))
            #expect(try peer.receive(exactly: 11) == Array("to the peer".utf8))
            try peer.send(Array("back".utf8))
            #expect(try client.socket.receive(exactly: 4) == Array("back".utf8))
            peer.shutdownWriting()
            #expect(try client.socket.receiveToEnd().isEmpty)
            client.socket.shutdownWriting()
            #expect(try peer.receiveToEnd().isEmpty)
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == 11 && record.downlinkBytes == 4)
            #expect(record.user == "alice")
            #expect(record.overheadUplinkBytes == client.handshakeSent)
            #expect(record.overheadDownlinkBytes == client.handshakeReceived)
        }
    }

    @Test func `only one peer is taken`() throws {
        try withGateway { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let bound = try client.request(.bind, Address.anyLocal).bound
            let peer = try Socket.connect(to: Address.local(bound.port))
            #expect(try client.reply().code == ReplyCode.succeeded)
            let second = try? Socket.connect(to: Address.local(bound.port), seconds: 2)
            #expect(second == nil || second?.isClosedByPeer() == true)
            try peer.send([1])
            #expect(try client.socket.receive(exactly: 1) == [1])
        }
    }

    @Test func `a listening socket does not outlive its client for long`() throws {
        try withGateway { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let bound = try client.request(.bind, Address.anyLocal).bound
            #expect(SocketTable.listens(on: bound.port))
            client.socket.close()
            #expect(eventually(within: 40) { !SocketTable.listens(on: bound.port) })
        }
    }

    @Test func `a peer that never comes is told as a failure`() throws {
        try withGateway { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let bound = try client.request(.bind, Address.anyLocal).bound
            client.socket.setTimeout(seconds: 90)
            #expect(try client.reply().code != 0)
            #expect(client.socket.isClosedByPeer())
            #expect(eventually { !SocketTable.listens(on: bound.port) })
        }
    }

    @Test func `a peer other than the one named is not let through`() throws {
        try withGateway { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let awaited = Address("127.0.0.3", 0)
            let bound = try client.request(.bind, awaited).bound
            let stranger = try? Socket.connect(
                to: Address.local(bound.port), from: Address("127.0.0.4", 0), seconds: 3)
            _ = try? stranger?.send([0x66])
            client.socket.setTimeout(seconds: 1.5)
            if let reply = try? client.reply() {
                #expect(reply.code != 0, "\(reply.bound) was let through")
            }
        }
    }
}

import Testing

@Suite("SOCKS5 UDP ASSOCIATE, RFC 1928 §7", .ownThread)
struct AssociateTests {
    @Test(arguments: [0, 1, 63, 512, 1472, 4096, 9000, 32_768, 65_497])
    func `a datagram of any size arrives whole, both ways`(size: Int) throws {
        let origin = try UDPOrigin()
        let payload = [UInt8].pattern(size, seed: size)
        try withGateway { gateway in
            let association = try Association(gateway.address)
            try association.send(payload, to: origin.address)
            let (back, from) = try association.receive()
            #expect(back == payload)
            #expect(from == origin.address)
            association.control.socket.close()
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == size && record.downlinkBytes == size)
            #expect(record.uplinkPackets == 1 && record.downlinkPackets == 1)
            #expect(record.droppedPackets == 0)
            #expect(record.protocol == "udp")
            #expect(record.destination == origin.address.description)
            #expect(record.client == association.socket.local.description)
            #expect(record.overheadUplinkBytes >= 10 && record.overheadDownlinkBytes >= 10)
        }
    }

    @Test(.enabled(if: Tools.hasIPv6, "no IPv6 on loopback"))
    func `the largest IPv4 datagram fits where the client speaks IPv6`() throws {
        let origin = try UDPOrigin()
        let payload = [UInt8].pattern(65_507)
        var text = GatewayText.socks()
        text.services[0].address = "[::1]:\(try Ports.free())"
        try withGateway(text) { gateway in
            let association = try Association(gateway.address, on: Address("::1", 0))
            try association.send(payload, to: origin.address)
            #expect(try association.receive().payload == payload)
            association.control.socket.close()
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == 65_507 && record.downlinkBytes == 65_507)
        }
    }

    @Test func `an answer too large for the client's header is dropped, counted, not billed`()
        throws
    {
        let origin = try UDPOrigin { $0 == [1] ? [UInt8].pattern(65_507) : $0 }
        try withGateway { gateway in
            let association = try Association(gateway.address)
            try association.send([1], to: origin.address)
            #expect(association.isQuiet(for: 0.5))
            #expect(try association.exchange([2, 3], with: origin.address) == [2, 3])
            association.control.socket.close()
            let record = try gateway.onlyRecord()
            #expect(record.downlinkBytes == 2 && record.downlinkPackets == 1)
            #expect(record.droppedPackets == 1)
        }
    }

    @Test(.enabled(if: Tools.hasIPv6, "no IPv6 on loopback"))
    func `one association reaches both families`() throws {
        let v4 = try UDPOrigin()
        let v6 = try UDPOrigin(on: Address("::1", 0))
        try withGateway { gateway in
            let association = try Association(gateway.address)
            #expect(try association.exchange([4], with: v4.address) == [4])
            try association.send([6], to: v6.address)
            let (payload, from) = try association.receive()
            #expect(payload == [6] && from == v6.address)
        }
    }

    @Test func `a name is resolved and answered from its address`() throws {
        let origin = try UDPOrigin()
        try withGateway { gateway in
            let association = try Association(gateway.address)
            try association.send([1, 2], to: .name("localhost", origin.port))
            let (payload, from) = try association.receive()
            #expect(payload == [1, 2] && from == origin.address)
            association.control.socket.close()
            let record = try gateway.onlyRecord()
            #expect(record.host == "localhost")
            #expect(record.destination == origin.address.description)
        }
    }

    @Test func `fragments are dropped`() throws {
        let origin = try UDPOrigin()
        try withGateway { gateway in
            let association = try Association(gateway.address)
            for fragment: UInt8 in [1, 2, 0x7f, 0x80, 0xff] {
                let header = [0, 0, fragment] + origin.address.socks5
                try association.socket.send(header + [9, 9], to: association.relay)
            }
            #expect(association.isQuiet(for: 0.3))
            #expect(try association.exchange([1], with: origin.address) == [1])
            #expect(origin.figures.received == 1)
        }
    }

    @Test func `malformed datagrams are ignored`() throws {
        let origin = try UDPOrigin()
        let good = [0, 0, 0] + origin.address.socks5
        let malformed: [[UInt8]] =
            (0..<good.count).map { Array(good[..<$0]) } + [
                [0, 0, 0, 2] + good[4...], [0, 0, 0, 0] + good[4...], [0, 0, 0, 0xff, 1, 2, 3],
                [0, 0, 0, 3, 0, 0, 80, 1], [0, 0, 0, 3, 200] + Array("short".utf8),
                [0, 0, 0, 3, 3] + Array("a\0b".utf8) + [0, 80, 1],
                [0, 0, 0, 4, 0, 0, 0, 0], [UInt8](repeating: 0xff, count: 1000),
            ]
        try withGateway { gateway in
            let association = try Association(gateway.address)
            for bytes in malformed { try association.socket.send(bytes, to: association.relay) }
            #expect(association.isQuiet(for: 0.3))
            #expect(try association.exchange([1], with: origin.address) == [1])
            #expect(origin.figures.received == 1)
            association.control.socket.close()
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == 1 && record.uplinkPackets == 1)
        }
    }

    @Test func `unreachable targets do not end the association`() throws {
        let origin = try UDPOrigin()
        let closed = try Ports.free()
        try withGateway { gateway in
            let association = try Association(gateway.address)
            for round in 0..<20 {
                try association.send([0x55], to: .local(closed))
                try association.send([0x55], to: Address("169.254.169.254", 53))
                try association.send([0x55], to: .name("no-such-name.invalid", 53))
                try association.send([0x55], to: .local(0))
                let payload = [UInt8(round)]
                #expect(try association.exchange(payload, with: origin.address) == payload)
            }
            #expect(association.control.socket.isQuiet(for: 0.2))
        }
    }

    @Test func `answers come from anywhere the client has sent to`() throws {
        let origins = try (0..<20).map { _ in try UDPOrigin() }
        try withGateway { gateway in
            let association = try Association(gateway.address)
            for (index, origin) in origins.enumerated() {
                try association.send([UInt8(index)], to: origin.address)
            }
            var heard: [Address: [UInt8]] = [:]
            for _ in origins {
                let (payload, from) = try association.receive()
                heard[from] = payload
            }
            for (index, origin) in origins.enumerated() {
                #expect(heard[origin.address] == [UInt8(index)])
                // Late and unasked, as long as the client has sent there before.
                let peer = try #require(origin.peer)
                try origin.socket.send([0xee, UInt8(index)], to: peer)
                let late = try association.receive()
                #expect(late.payload == [0xee, UInt8(index)] && late.from == origin.address)
            }
            association.control.socket.close()
            #expect(try gateway.records(origins.count).count == origins.count)
        }
    }

    @Test func `foreign senders are dropped and not billed`() throws {
        let origin = try UDPOrigin()
        let stranger = try Socket.datagram()
        let elsewhere = try Socket.datagram(on: Address("127.0.0.99", 0))
        try withGateway { gateway in
            let association = try Association(gateway.address)
            #expect(try association.exchange([1], with: origin.address) == [1])
            let peer = try #require(origin.peer)
            for _ in 0..<10 {
                // Someone the client never sent to, towards the gateway's outer socket.
                try stranger.send(.pattern(100), to: .local(peer.port))
                // Someone who is not the client, towards the gateway's inner socket.
                let header = [0, 0, 0] + origin.address.socks5
                try elsewhere.send(header + [7, 7], to: association.relay)
            }
            #expect(association.isQuiet(for: 0.5))
            #expect(origin.figures.received == 1)
            #expect(try association.exchange([2], with: origin.address) == [2])
            association.control.socket.close()
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == 2 && record.downlinkBytes == 2)
            #expect(record.uplinkPackets == 2 && record.downlinkPackets == 2)
        }
    }

    @Test func `two clients of one target hear their own answers`() throws {
        let origin = try UDPOrigin()
        try withGateway(.socks(isClosed: true)) { gateway in
            let alice = try Association(gateway.address, user: "alice")
            let bob = try Association(gateway.address, user: "bob")
            for round in 0..<50 {
                try alice.send([0xa, UInt8(round)], to: origin.address)
                try bob.send([0xb, UInt8(round), 0], to: origin.address)
            }
            for _ in 0..<50 {
                #expect(try alice.receive().payload.first == 0xa)
                #expect(try bob.receive().payload.first == 0xb)
            }
            alice.control.socket.close()
            bob.control.socket.close()
            let records = try gateway.records(2)
            #expect(records.first { $0.user == "alice" }?.uplinkBytes == 100)
            #expect(records.first { $0.user == "bob" }?.downlinkBytes == 150)
        }
    }

    @Test func `the association ends with its TCP connection`() throws {
        let origin = try UDPOrigin()
        try withGateway { gateway in
            let baseline = gateway.figures.descriptors
            let association = try Association(gateway.address)
            #expect(try association.exchange([1], with: origin.address) == [1])
            #expect(SocketTable.isBound(udp: association.relay.port))
            association.control.socket.close()
            #expect(eventually { !SocketTable.isBound(udp: association.relay.port) })
            #expect(eventually { gateway.figures.descriptors <= baseline })
            let record = try gateway.onlyRecord()
            #expect(record.end.by == "client" && record.end.cause == "control-closed")
            _ = try? association.send([2], to: origin.address)
            #expect(association.isQuiet(for: 0.3))
            #expect(origin.figures.received == 1)
        }
    }
}

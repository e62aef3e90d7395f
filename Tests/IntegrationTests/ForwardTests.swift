import Testing

@Suite("TCP and UDP forward", .ownThread)
struct ForwardTests {
    @Test func `a forward takes a hop's nodes, each for its clients`() throws {
        let (first, second) = (try TCPOrigin.greeting([1]), try TCPOrigin.greeting([2]))
        var text = GatewayText.forward("tcp", to: [])
        text.services[0].more = ["forwarder: { hop: targets }"]
        text.more = """
            hops:
              - name: targets
                nodes:
                  - { addr: "\(first.address)", matcher: { rule: "ClientIP(`127.0.0.9`)" } }
                  - { addr: "\(second.address)", matcher: { rule: "ClientIP(`127.0.0.8`)" } }

            """
        try withGateway(text) { gateway in
            for (client, byte) in [("127.0.0.9", 1), ("127.0.0.8", 2)] as [(String, UInt8)] {
                let socket = try Socket.connect(
                    to: gateway.address, from: Address(client, 0))
                #expect(try socket.receive(exactly: 1) == [byte])
            }
            let stranger = try Socket.connect(to: gateway.address)
            #expect(throws: (any Error).self) { try stranger.receive(exactly: 1) }
            #expect(eventually { gateway.log.contains("the rules of all targets are for others") })
        }
    }

    @Test func `tcp goes to the target, exactly counted`() throws {
        let origin = try TCPOrigin.echo()
        let payload = [UInt8].pattern(100_000)
        try withGateway(.forward("tcp", to: [origin.address])) { gateway in
            let client = try Socket.connect(to: gateway.address)
            let sender = Sender(client, count: payload.count)
            #expect(try client.receiveToEnd() == payload)
            try sender.wait()
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == payload.count)
            #expect(record.downlinkBytes == payload.count)
            #expect(record.overheadUplinkBytes == 0 && record.overheadDownlinkBytes == 0)
            #expect(record.destination == origin.address.description)
            #expect(record.handler == "tcp" && record.service == "forward")
            #expect(record.client == client.local.description)
            #expect(record.listener == gateway.address.description)
            #expect(record.end.cause == "finished")
        }
    }

    @Test func `a PROXY header is taken, recorded and handed on`() throws {
        let origin = try TCPOrigin.echo()
        var text = GatewayText.forward(
            "tcp", to: [origin.address], metadata: ["proxyProtocol: 1"])
        text.services[0].metadata = ["proxyProtocol: 2", "proxyProtocol.trust: [127.0.0.1]"]
        try withGateway(text) { gateway in
            let client = try Socket.connect(to: gateway.address)
            let line = "PROXY TCP4 127.0.0.9 127.0.0.8 4711 80\r\n"
            try client.send(line.utf8)
            try client.send("hello".utf8)
            client.shutdownWriting()
            #expect(try client.receiveToEnd() == Array((line + "hello").utf8))
            let record = try gateway.onlyRecord()
            #expect(record.client == "127.0.0.9:4711")
            #expect(record.listener == gateway.address.description)
            #expect(record.uplinkBytes == 5)
            #expect(record.overheadUplinkBytes == line.utf8.count)
        }
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"))
    func `curl's PROXY header names it, and policy goes by it`() throws {
        let origin = try TCPOrigin.http(body: .pattern(4321))
        var text = GatewayText.forward("tcp", to: [origin.address])
        text.services[0].metadata = ["proxyProtocol: 1"]
        try withGateway(text) { gateway in
            let result = try run(
                [
                    "curl", "-sS", "--haproxy-protocol", "--interface", "127.0.0.9", "-o",
                    "/dev/null", "-w", "%{size_download} %{local_ip}:%{local_port}",
                    "http://127.0.0.1:\(gateway.port)/",
                ], in: gateway.folder)
            let words = result.output.split(separator: " ").map(String.init)
            #expect(words.first == "4321", "\(result)")
            #expect(try gateway.onlyRecord().client == words.last)
            // Loopback is for clients on loopback, and this one says that it is not.
            let client = try Socket.connect(to: gateway.address)
            try client.send("PROXY TCP4 198.51.100.7 127.0.0.8 4711 80\r\nhello".utf8)
            #expect(client.isClosedByPeer())
        }
    }

    @Test func `an origin that speaks first is heard at once`() throws {
        let origin = try TCPOrigin.greeting(Array("220 ready\r\n".utf8))
        try withGateway(.forward("tcp", to: [origin.address])) { gateway in
            let client = try Socket.connect(to: gateway.address)
            #expect(try client.receiveToEnd() == Array("220 ready\r\n".utf8))
        }
    }

    @Test func `several tcp targets take turns`() throws {
        let origins = try (0..<3).map { _ in try TCPOrigin.echo() }
        try withGateway(.forward("tcp", to: origins.map(\.address))) { gateway in
            for _ in 0..<9 {
                let client = try Socket.connect(to: gateway.address)
                try client.send([1])
                #expect(try client.receive(exactly: 1) == [1])
            }
            #expect(origins.map(\.connections.count) == [3, 3, 3])
        }
    }

    @Test func `a dead tcp target ends the connection, the reason is logged`() throws {
        let closed = try Ports.free()
        try withGateway(.forward("tcp", to: [.local(closed)])) { gateway in
            let client = try Socket.connect(to: gateway.address)
            #expect(client.isClosedByPeer())
            #expect(eventually { gateway.log.lowercased().contains("refused") }, "\(gateway.log)")
        }
    }

    @Test(arguments: [0, 1, 1472, 9000, 65_507])
    func `a udp datagram of any size goes to the target and back`(size: Int) throws {
        let origin = try UDPOrigin()
        let payload = [UInt8].pattern(size, seed: 3)
        let text = GatewayText.forward(
            "udp", to: [origin.address], listenerMetadata: ["keepalive: true", "ttl: 1s"])
        try withGateway(text) { gateway in
            let client = try Socket.datagram()
            try client.send(payload, to: gateway.address)
            let (back, from) = try client.receiveDatagram()
            #expect(back == payload && from == gateway.address)
            let record = try gateway.onlyRecord()
            #expect(record.end.cause == "idle")
            #expect(record.uplinkBytes == size && record.downlinkBytes == size)
            #expect(record.uplinkPackets == 1 && record.downlinkPackets == 1)
            #expect(record.protocol == "udp" && record.client == client.local.description)
        }
    }

    @Test func `udp clients are told apart and counted exactly`() throws {
        let origin = try UDPOrigin()
        let text = GatewayText.forward(
            "udp", to: [origin.address], listenerMetadata: ["keepalive: true", "ttl: 60s"])
        try withGateway(text) { gateway in
            let clients = try (0..<20).map { _ in try Socket.datagram() }
            for round in 0..<10 {
                for (index, client) in clients.enumerated() {
                    try client.send([UInt8(index), UInt8(round)], to: gateway.address)
                    let back = try client.receiveDatagram().bytes
                    #expect(back == [UInt8(index), UInt8(round)])
                }
            }
            #expect(origin.figures.received == 200)
            #expect(try gateway.terminate() == .code(0))
            let records = try gateway.records(20)
            #expect(records.count == 20)
            #expect(records.allSatisfy { $0.uplinkBytes == 20 && $0.downlinkBytes == 20 })
            #expect(records.allSatisfy { $0.uplinkPackets == 10 && $0.downlinkPackets == 10 })
        }
    }

    @Test func `several udp targets take turns, a client stays with its own`() throws {
        let origins = try (0..<2).map { index in
            try UDPOrigin { $0 + [UInt8(index)] }
        }
        let text = GatewayText.forward(
            "udp", to: origins.map(\.address),
            listenerMetadata: ["keepalive: true", "ttl: 60s"])
        try withGateway(text) { gateway in
            var served: [UInt8: Int] = [:]
            for _ in 0..<6 {
                let client = try Socket.datagram()
                var seen: Set<UInt8> = []
                for _ in 0..<3 {
                    try client.send([9], to: gateway.address)
                    seen.insert(try #require(try client.receiveDatagram().bytes.last))
                }
                #expect(seen.count == 1, "a client changed its target")
                served[seen.first ?? 9, default: 0] += 1
            }
            #expect(served == [0: 3, 1: 3])
        }
    }

    @Test func `a dead udp target does not end the service`() throws {
        let closed = try Ports.free()
        let text = GatewayText.forward(
            "udp", to: [.local(closed)], listenerMetadata: ["keepalive: true", "ttl: 60s"])
        try withGateway(text) { gateway in
            let client = try Socket.datagram()
            for _ in 0..<5 { try client.send([1], to: gateway.address) }
            pause(milliseconds: 200)
            let origin = try UDPOrigin(on: .local(closed))
            try client.send([2], to: gateway.address)
            #expect(try client.receiveDatagram().bytes == [2])
            #expect(origin.figures.received == 1)
        }
    }
}

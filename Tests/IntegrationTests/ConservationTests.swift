import Testing

@Suite("Conservation under load", .ownThread)
struct ConservationTests {
    @Test func `60 flows at once are each recorded to the byte`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(isClosed: true)) { gateway in
            var flows: [(client: SOCKSClient, sender: Sender, size: Int)] = []
            for index in 0..<60 {
                let user = index % 2 == 0 ? "alice" : "bob"
                let client = try SOCKSClient(gateway.address, user: user)
                #expect(try client.request(.connect, origin.address).code == 0)
                let size = index * index * 251 + index
                flows.append((client, Sender(client.socket, count: size), size))
            }
            var sizes: [String: Int] = [:]
            for flow in flows {
                flow.client.socket.setTimeout(seconds: 60)
                let back = try flow.client.socket.receiveToEnd()
                #expect(back == .pattern(flow.size))
                try flow.sender.wait()
                sizes[flow.client.socket.local.description] = flow.size
            }
            let records = try gateway.records(60)
            #expect(records.count == 60)
            for record in records {
                #expect(record.uplinkBytes == sizes[record.client], "\(record)")
                #expect(record.downlinkBytes == sizes[record.client], "\(record)")
            }
            let total = sizes.values.reduce(0, +)
            let usage = try gateway.usage(by: "user") { $0.flows == 60 }
            #expect(usage.uplinkBytes == total && usage.downlinkBytes == total)
        }
    }

    @Test func `trains of datagrams keep their number, sizes and order`() throws {
        let origin = try UDPOrigin()
        try withGateway { gateway in
            let association = try Association(gateway.address)
            var bytes = 0
            // In windows small enough that no kernel buffer on the way overflows.
            for window in 0..<150 {
                let sizes = (0..<48).map { index in
                    window % 3 == 0 ? 1200 : (window * 31 + index * 7) % 1400
                }
                for (index, size) in sizes.enumerated() {
                    let payload = [UInt8(index)] + [UInt8].pattern(size, seed: window)
                    try association.send(payload, to: origin.address)
                }
                for (index, size) in sizes.enumerated() {
                    let payload = try association.receive().payload
                    try #require(payload.first == UInt8(index), "window \(window)")
                    try #require(payload.count == size + 1)
                    bytes += payload.count
                }
            }
            association.control.socket.close()
            let record = try gateway.onlyRecord()
            #expect(record.uplinkPackets == 7200 && record.downlinkPackets == 7200)
            #expect(record.uplinkBytes == bytes && record.downlinkBytes == bytes)
            #expect(record.droppedPackets == 0)
            #expect(origin.figures.received == 7200 && origin.figures.receivedBytes == bytes)
        }
    }

    @Test func `what the gateway counts of a flood is what the kernel took to the target`() throws {
        let origin = try UDPOrigin { _ in nil }
        try withGateway { gateway in
            let association = try Association(gateway.address)
            let payload = [UInt8].pattern(1200)
            for index in 0..<20_000 {
                try association.send(payload, to: origin.address)
                if index % 64 == 0 { pause(milliseconds: 1) }
            }
            var last = -1
            let isSettled = eventually(every: 300) {
                defer { last = origin.figures.received }
                return origin.figures.received == last
            }
            #expect(isSettled)
            association.control.socket.close()
            let record = try gateway.onlyRecord()
            // Delivered to the target's socket, whose buffer may have been full.
            let delivered = origin.figures.received + SocketTable.drops(udp: origin.port)
            #expect(record.uplinkPackets == delivered)
            #expect(record.uplinkBytes == delivered * payload.count)
            #expect(record.uplinkPackets > 1000)
        }
    }

    @Test func `what the gateway counts of a flood of answers is what the client's kernel took`()
        throws
    {
        let origin = try UDPOrigin { _ in nil }
        try withGateway { gateway in
            let association = try Association(gateway.address)
            try association.send([1], to: origin.address)
            let peer = try waitFor("datagram at the origin") { origin.peer }
            let payload = [UInt8].pattern(900)
            for index in 0..<20_000 {
                try origin.socket.send(payload, to: peer)
                if index % 64 == 0 { pause(milliseconds: 1) }
            }
            var received = 0
            while (try? association.receive(within: 1)) != nil { received += 1 }
            let delivered = received + SocketTable.drops(udp: association.socket.port)
            association.control.socket.close()
            let record = try gateway.onlyRecord()
            #expect(record.downlinkPackets == delivered)
            #expect(record.downlinkBytes == delivered * payload.count)
            #expect(record.uplinkBytes == 1 && record.downlinkPackets > 1000)
        }
    }

    @Test func `a thousand short connections are a thousand flows`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            for index in 0..<1000 {
                let client = try SOCKSClient(gateway.address, user: nil)
                guard try client.request(.connect, origin.address).code == 0 else {
                    throw HarnessFailure("connection \(index) was refused")
                }
                try client.socket.send([1, 2, 3])
                client.socket.shutdownWriting()
                _ = try client.socket.receiveToEnd()
            }
            let records = try gateway.records(1000)
            #expect(records.count == 1000 && Set(records.map(\.flow)).count == 1000)
            #expect(records.allSatisfy { $0.uplinkBytes == 3 && $0.downlinkBytes == 3 })
            let usage = try gateway.usage(by: "service") { $0.flows == 1000 }
            #expect(usage.uplinkBytes == 3000 && usage.flows == 1000)
        }
    }
}

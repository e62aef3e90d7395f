import Testing

@Suite("UDP over TCP, gost's command 0xF3", .ownThread)
struct StreamDatagramTests {
    /// A frame as gost writes it: payload length, 0xff, IPv4 address and port, payload.
    private func frame(_ address: Address, _ payload: [UInt8]) -> [UInt8] {
        [UInt8(payload.count >> 8), UInt8(payload.count & 0xff), 0xff]
            + SOCKSTarget.address(address).bytes + payload
    }

    @Test func `what gost's client says is served, and counted without its frames`() throws {
        let origins = [try UDPOrigin(), try UDPOrigin()]
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address, user: "alice")
            let reply = try client.request(.udpOverTCP, .address(Address("0.0.0.0", 0)))
            #expect(reply.code == ReplyCode.succeeded && reply.bound.port != 0)
            let payloads = [[1, 2, 3], [UInt8].pattern(40_000), [4]]
            for payload in payloads {
                for origin in origins {
                    let sent = frame(origin.address, payload)
                    try client.socket.send(sent)
                    #expect(try client.socket.receive(exactly: sent.count) == sent)
                }
            }
            client.socket.close()
            let records = try gateway.records(2)
            #expect(Set(records.map(\.destination)) == Set(origins.map(\.address.description)))
            for record in records {
                #expect(record.user == "alice" && record.protocol == "udp")
                #expect(record.uplinkBytes == 40_004 && record.downlinkBytes == 40_004)
                #expect(record.uplinkPackets == 3 && record.downlinkPackets == 3)
                #expect(record.overheadUplinkBytes == 30 && record.overheadDownlinkBytes == 30)
                #expect(record.end.cause == "control-closed" || record.end.cause == "reset")
            }
        }
    }

    @Test func `it is refused with 7 where UDP is off`() throws {
        var text = GatewayText.socks()
        text.services[0].handlerMetadata = ["statsGUID: meter"]
        try withGateway(text) { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let reply = try client.request(.udpOverTCP, .address(Address("0.0.0.0", 0)))
            #expect(reply.code == ReplyCode.commandNotSupported)
            #expect(client.socket.isClosedByPeer())
        }
    }
}

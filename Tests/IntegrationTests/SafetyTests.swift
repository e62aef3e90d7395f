import Testing

@Suite("Safe by default", .ownThread)
struct SafetyTests {
    @Test(.enabled(if: Tools.hasNamespaces, "namespaces need privilege"))
    func `loopback is only for clients on loopback`() throws {
        let folder = try TemporaryFolder()
        try Namespaces.enterNetwork(folder)
        try Namespaces.ip("addr add 10.7.7.7/32 dev lo", folder)
        let origin = try TCPOrigin.echo()
        var text = GatewayText.socks(isClosed: true)
        text.services[0].address = "0.0.0.0:\(try Ports.free())"
        try withGateway(text, folder: folder) { gateway in
            func code(from ip: String) throws -> UInt8 {
                let address = Address("10.7.7.7", gateway.port)
                let client = try SOCKSClient(
                    ip == "127.0.0.1" ? gateway.address : address, from: Address(ip, 0))
                guard try client.greet([2]) == 2, try client.login("alice", "pw-of-alice") == 0
                else { throw HarnessFailure("not let in from \(ip)") }
                return try client.request(.connect, origin.address).code
            }
            let near = try code(from: "127.0.0.1")
            #expect(near == ReplyCode.succeeded)
            let far = try code(from: "10.7.7.7")
            #expect(far == ReplyCode.notAllowed)
        }
    }

    @Test(.enabled(if: Tools.hasNamespaces, "namespaces need privilege"))
    func `an address that the machine gains after the start is known as its own`() throws {
        let folder = try TemporaryFolder()
        try Namespaces.enterNetwork(folder)
        var text = GatewayText.socks(isClosed: true)
        text.services[0].address = "0.0.0.0:\(try Ports.free())"
        try withGateway(text, folder: folder) { gateway in
            func code() throws -> UInt8 {
                let client = try SOCKSClient(gateway.address)
                guard try client.greet([2]) == 2, try client.login("alice", "pw-of-alice") == 0
                else { throw HarnessFailure("not let in") }
                return try client.request(.connect, Address("10.9.9.9", gateway.port)).code
            }
            #expect(try code() == ReplyCode.networkUnreachable)
            // One of an interface, and then one that is only routed here.
            try Namespaces.ip("addr add 10.9.9.9/32 dev lo", folder)
            #expect(try code() == ReplyCode.notAllowed)
            try Namespaces.ip("addr del 10.9.9.9/32 dev lo", folder)
            try Namespaces.ip("route add local 10.9.0.0/16 dev lo", folder)
            #expect(try code() == ReplyCode.notAllowed)
        }
    }

    @Test(
        .enabled(if: Tools.hasNamespaces, "namespaces need privilege"),
        arguments: [nil, "allow", "deny"])
    func `private destinations are as the service says`(setting: String?) throws {
        let folder = try TemporaryFolder()
        try Namespaces.enterNetwork(folder)
        let privates = ["10.7.7.7", "172.20.0.9", "192.168.3.3", "fd00::7"]
        for ip in privates {
            let length = ip.contains(":") ? "128 nodad" : "32"
            try Namespaces.ip("addr add \(ip)/\(length) dev lo", folder)
        }
        let more = setting.map { ["privateDestinations: \($0)"] } ?? []
        try withGateway(.socks(serviceMetadata: more), folder: folder) { gateway in
            for ip in privates {
                let origin = try TCPOrigin.echo(on: Address(ip, 0))
                let client = try SOCKSClient(gateway.address, user: nil)
                let code = try client.request(.connect, origin.address).code
                let expected = setting == "deny" ? ReplyCode.notAllowed : ReplyCode.succeeded
                #expect(code == expected, "\(ip) was answered \(code)")
            }
        }
    }

    @Test func `datagrams to refused addresses go nowhere`() throws {
        let origin = try UDPOrigin()
        try withGateway { gateway in
            let association = try Association(gateway.address)
            for ip in ["169.254.169.254", "169.254.1.1", "255.255.255.255", "224.0.0.1"] {
                try association.send([1], to: Address(ip, 53))
            }
            #expect(association.isQuiet(for: 0.4))
            #expect(try association.exchange([2], with: origin.address) == [2])
            association.control.socket.close()
            let records = try gateway.records(1)
            #expect(records.map(\.uplinkBytes).reduce(0, +) == 1, "\(records)")
        }
    }

    @Test func `datagrams into the gateway's own relay go nowhere`() throws {
        let origin = try UDPOrigin()
        try withGateway { gateway in
            let association = try Association(gateway.address)
            #expect(try association.exchange([1], with: origin.address) == [1])
            // Wrapped once more, so that the relay would send it on.
            let inner = [0, 0, 0] + origin.address.socks5 + [9]
            try association.send(inner, to: association.relay)
            #expect(association.isQuiet(for: 0.4))
            #expect(origin.figures.received == 1)
            association.control.socket.close()
            let records = try gateway.records(1)
            #expect(records.map(\.uplinkBytes).reduce(0, +) == 1, "\(records)")
        }
    }

    @Test func `a broken client does not cut the others of its gateway`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            let steady = try SOCKSClient(gateway.address, user: nil)
            #expect(try steady.request(.connect, origin.address).code == 0)
            for round in 0..<100 {
                let broken = try SOCKSClient(gateway.address)
                try broken.socket.send([5, 1, 0, 5, 1, 0, 1, 127])
                broken.socket.reset()
                try steady.socket.send([UInt8(round)])
                #expect(try steady.socket.receive(exactly: 1) == [UInt8(round)])
            }
        }
    }
}

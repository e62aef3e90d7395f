import Testing

@Suite("Names of destinations", .ownThread)
struct NameTests {
    @Test func `a dead first address does not hide a living second one`() throws {
        let origin = try TCPOrigin.echo(on: Address("127.0.0.7", 0))
        var text = GatewayText.socks(more: ["hosts: two"])
        text.more = """
            hosts:
              - name: two
                mappings:
                  - { ip: 127.0.0.6, hostname: two.test }
                  - { ip: 127.0.0.7, hostname: two.test }

            """
        try withGateway(text) { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let reply = try client.request(.connect, .name("two.test", origin.port))
            #expect(reply.code == ReplyCode.succeeded)
            client.socket.close()
            let record = try gateway.onlyRecord()
            #expect(record.destination == "127.0.0.7:\(origin.port)")
            #expect(record.host == "two.test")
        }
    }

    @Test(.enabled(if: Tools.hasIPv6, "no IPv6 on loopback"), arguments: [false, true])
    func `both families of a name are tried`(isV6Alive: Bool) throws {
        let origin = try TCPOrigin.echo(on: Address(isV6Alive ? "::1" : "127.0.0.8", 0))
        let names = try NameServer(["both.test": ["127.0.0.8", "::1"]])
        try withGateway(.resolving(with: names)) { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let reply = try client.request(.connect, .name("both.test", origin.port))
            #expect(reply.code == ReplyCode.succeeded)
            #expect(reply.bound.isV6 == isV6Alive)
        }
    }

    @Test func `all addresses dead is told as their failure`() throws {
        let closed = try Ports.free()
        let names = try NameServer(["dead.test": ["127.0.0.5", "127.0.0.6"]])
        try withGateway(.resolving(with: names)) { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let reply = try client.request(.connect, .name("dead.test", closed))
            #expect(reply.code == ReplyCode.refused)
        }
    }

    @Test(arguments: [
        "here.test\0.evil.test", "\0", "", "here.test\n", "a b.test", "..", ".here.test",
        String(repeating: "a", count: 64) + ".test", String(repeating: "a.", count: 127) + "b",
        "here.test/../x", "\u{1b}[31mhere.test",
    ])
    func `a name with NUL or nonsense is never looked up or dialled`(name: String) throws {
        let origin = try TCPOrigin.echo()
        let names = try NameServer(["here.test": ["127.0.0.1"]])
        try withGateway(.resolving(with: names)) { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let target = SOCKSTarget.name(name, origin.port)
            try client.socket.send([5, 1, 0] + target.bytes)
            let answer = try client.socket.receiveToEnd(orReset: true)
            #expect(answer.count < 2 || answer[1] != 0, "\(answer)")
            #expect(names.questions.isEmpty, "\(names.questions)")
            #expect(origin.connections.isEmpty)
            #expect(!gateway.log.contains("\u{1b}"), "the log passes control characters on")
            _ = try gateway.logLines()
        }
    }

    @Test func `a literal address in the name's place is an address`() throws {
        let origin = try TCPOrigin.echo()
        let names = try NameServer([:])
        try withGateway(.resolving(with: names)) { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let reply = try client.request(.connect, .name("127.0.0.1", origin.port))
            #expect(reply.code == ReplyCode.succeeded)
            #expect(names.questions.isEmpty)
        }
    }

    @Test func `hosts go before the resolver, case does not matter`() throws {
        let origin = try TCPOrigin.echo()
        let names = try NameServer(["fixed.test": ["127.0.0.9"]])
        var text = GatewayText.resolving(with: names)
        text.services[0].more.append("hosts: fixed")
        text.more += """
            hosts:
              - name: fixed
                mappings:
                  - { ip: 127.0.0.1, hostname: fixed.test, aliases: [alias.test] }

            """
        try withGateway(text) { gateway in
            for name in ["fixed.test", "FIXED.Test", "alias.test"] {
                let client = try SOCKSClient(gateway.address, user: nil)
                let reply = try client.request(.connect, .name(name, origin.port))
                #expect(reply.code == ReplyCode.succeeded, "\(name)")
            }
            #expect(names.questions.isEmpty)
        }
    }

    @Test func `a tcp name server answers as well`() throws {
        let origin = try TCPOrigin.echo()
        let names = try TCPNameServer(["via-tcp.test": "127.0.0.1"])
        var text = GatewayText.socks(more: ["resolver: names"])
        text.more = """
            resolvers:
              - name: names
                nameservers: [{ addr: "tcp://\(names.address)" }]

            """
        try withGateway(text) { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let reply = try client.request(.connect, .name("via-tcp.test", origin.port))
            #expect(reply.code == ReplyCode.succeeded)
        }
    }
}

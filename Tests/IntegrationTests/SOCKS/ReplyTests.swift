import Testing

@Suite("SOCKS5 replies tell failures apart, RFC 1928 §6", .ownThread)
struct ReplyTests {
    /// The reply to one CONNECT, which must be the last thing on the connection.
    private func lastReply(
        _ gateway: Gateway, _ target: SOCKSTarget, command: UInt8 = 1
    ) throws -> UInt8 {
        let client = try SOCKSClient(gateway.address, user: nil)
        client.socket.setTimeout(seconds: 60)
        try client.socket.send([5, command, 0] + target.bytes)
        let reply = try client.reply()
        #expect(client.socket.isClosedByPeer(within: 10), "open after reply \(reply.code)")
        return reply.code
    }

    @Test func `a closed port is refused`() throws {
        let closed = try Ports.free()
        try withGateway { gateway in
            let code = try lastReply(gateway, .address(.local(closed)))
            #expect(code == ReplyCode.refused)
        }
    }

    @Test func `commands that do not exist are not supported`() throws {
        try withGateway { gateway in
            for command: UInt8 in [0, 4, 0x7f, 0xff] {
                let code = try lastReply(gateway, .address(.local(80)), command: command)
                #expect(code == ReplyCode.commandNotSupported, "command \(command)")
            }
        }
    }

    @Test func `commands that are switched off are not supported or not allowed`() throws {
        var text = GatewayText.socks()
        text.services[0].handlerMetadata = ["statsGUID: meter"]
        try withGateway(text) { gateway in
            for command: Command in [.bind, .associate] {
                let code = try lastReply(
                    gateway, .address(.local(80)), command: command.rawValue)
                #expect(
                    code == ReplyCode.commandNotSupported || code == ReplyCode.notAllowed,
                    "command \(command) was answered \(code)")
            }
        }
    }

    @Test func `address types that do not exist are not supported`() throws {
        try withGateway { gateway in
            for type: UInt8 in [0, 2, 5, 0xff] {
                let target = SOCKSTarget.raw([type, 127, 0, 0, 1, 0, 80])
                let code = try lastReply(gateway, target)
                #expect(code == ReplyCode.addressTypeNotSupported, "type \(type)")
            }
        }
    }

    @Test func `a name that does not exist is host unreachable`() throws {
        let names = try NameServer(["here.test": ["127.0.0.1"]])
        try withGateway(.resolving(with: names)) { gateway in
            let code = try lastReply(gateway, .name("nowhere.test", 80))
            #expect(code == ReplyCode.hostUnreachable)
            #expect(names.questions.contains("nowhere.test"))
        }
    }

    @Test func `a name server that is silent is told as a failure of the name`() throws {
        let names = try NameServer([:], silent: ["slow.test"])
        try withGateway(.resolving(with: names, timeout: "1s")) { gateway in
            let code = try lastReply(gateway, .name("slow.test", 80))
            #expect(code == ReplyCode.hostUnreachable || code == ReplyCode.timeToLiveExpired)
        }
    }

    @Test func `an origin that never answers is told apart from one that is not there`() throws {
        // A full backlog: the kernel drops further SYNs.
        let listener = try Socket.listen(backlog: 0)
        var held: [Socket] = []
        for _ in 0..<4 {
            if let socket = try? Socket.connect(to: listener.local, seconds: 0.3) {
                held.append(socket)
            }
        }
        try #require(held.count < 4, "the backlog never fills")
        try withGateway(.socks(serviceMetadata: ["dialTimeout: 1s"])) { gateway in
            let code = try lastReply(gateway, .address(listener.local))
            #expect(code == ReplyCode.timeToLiveExpired)
        }
    }

    @Test(.enabled(if: Tools.hasNamespaces, "namespaces need privilege"))
    func `no route is network unreachable, no host is host unreachable`() throws {
        let folder = try TemporaryFolder()
        try Namespaces.enterNetwork(folder)
        try Namespaces.ip("route add unreachable 198.51.100.0/24", folder)
        try withGateway(folder: folder) { gateway in
            let network = try lastReply(gateway, .address(Address("203.0.113.9", 80)))
            #expect(network == ReplyCode.networkUnreachable)
            let host = try lastReply(gateway, .address(Address("198.51.100.9", 80)))
            #expect(host == ReplyCode.hostUnreachable)
            let v6 = try lastReply(gateway, .address(Address("2001:db8::9", 80)))
            #expect(v6 == ReplyCode.networkUnreachable)
        }
    }

    @Test func `cloud metadata and link-local addresses are not allowed`() throws {
        try withGateway { gateway in
            for ip in ["169.254.169.254", "169.254.0.1", "fe80::1", "::ffff:169.254.169.254"] {
                let code = try lastReply(gateway, .address(Address(ip, 80)))
                #expect(code == ReplyCode.notAllowed, "\(ip) was answered \(code)")
            }
        }
    }

    @Test func `a name that resolves to a refused address is not allowed`() throws {
        let names = try NameServer([
            "meta.test": ["169.254.169.254"], "fe80.test": ["fe80::1"],
        ])
        try withGateway(.resolving(with: names)) { gateway in
            for name in ["meta.test", "fe80.test"] {
                let code = try lastReply(gateway, .name(name, 80))
                #expect(code == ReplyCode.notAllowed)
            }
        }
    }

    @Test func `the gateway's own listeners are not allowed, whatever they are called`() throws {
        try withGateway { gateway in
            let targets: [SOCKSTarget] = [
                .address(gateway.address), .name("localhost", gateway.port),
                .address(Address("127.0.0.1", gateway.port)),
                .address(Address("::ffff:127.0.0.1", gateway.port)),
            ]
            for target in targets {
                let code = try lastReply(gateway, target)
                #expect(code == ReplyCode.notAllowed, "\(target) was answered \(code)")
            }
        }
    }

    @Test func `a gateway on every address refuses itself under each of them`() throws {
        var text = GatewayText.socks(isClosed: true)
        text.services[0].address = "0.0.0.0:\(try Ports.free())"
        try withGateway(text) { gateway in
            for ip in ["127.0.0.1", "127.9.9.9", "0.0.0.0"] {
                let client = try SOCKSClient(gateway.address, user: "alice")
                let code = try client.request(.connect, Address(ip, gateway.port)).code
                #expect(code == ReplyCode.notAllowed, "\(ip) was answered \(code)")
            }
        }
    }
}

extension GatewayText {
    /// A SOCKS5 service whose names are resolved by `names` alone.
    static func resolving(with names: NameServer, timeout: String = "5s") -> GatewayText {
        var text = GatewayText.socks(more: ["resolver: names"])
        text.more = """
            resolvers:
              - name: names
                nameservers:
                  - addr: udp://\(names.address)
                    timeout: \(timeout)

            """
        return text
    }
}

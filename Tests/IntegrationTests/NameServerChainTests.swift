import Testing

@Suite("Names and chains", .ownThread)
struct NameServerChainTests {
    private func text(_ objects: String, _ service: [String], chain: Bool = false) -> GatewayText {
        var text = GatewayText.socks(more: service)
        text.services[0].handler = chain ? "socks5\n      chain: out" : "socks5"
        text.services[0].handlerMetadata = ["statsGUID: meter"]
        text.more = objects
        return text
    }

    private func connect(_ gateway: Gateway, _ name: String, _ port: UInt16) throws -> UInt8 {
        let client = try SOCKSClient(gateway.address, user: nil)
        return try client.request(.connect, .name(name, port)).code
    }

    @Test(arguments: ["", "udp://", "tcp://"])
    func `a name server is asked through a chain`(scheme: String) throws {
        let origin = try TCPOrigin.echo()
        let names = try TCPNameServer(["here.test": "127.0.0.1"])
        try withGateway { exit in
            let objects = """
                chains:
                  - name: way
                    hops:
                      - name: h
                        nodes:
                          - { name: n, addr: "127.0.0.1:\(exit.port)", connector: { type: socks5 } }
                resolvers:
                  - name: far
                    nameservers: [ { addr: "\(scheme)\(names.address)", chain: way } ]

                """
            try withGateway(text(objects, ["resolver: far"])) { gateway in
                let code = try connect(gateway, "here.test", origin.port)
                #expect(code == ReplyCode.succeeded, "\(gateway.log)")
                let record = try gateway.onlyRecord()
                #expect(record.route == [] && record.host == "here.test")
                #expect(record.destination == "127.0.0.1:\(origin.port)")
                // A and AAAA, each over a connection of its own.
                let asked = try exit.records(2)
                #expect(asked.allSatisfy { $0.destination == names.address.description })
                #expect(try connect(gateway, "gone.test", origin.port) == ReplyCode.hostUnreachable)
            }
        }
    }

    @Test func `a name server behind a chain that is down is asked by no other way`() throws {
        let names = try TCPNameServer(["here.test": "127.0.0.1"])
        let objects = """
            chains:
              - name: way
                hops: [ { name: h, nodes: [ { addr: "127.0.0.1:\(try Ports.free())" } ] } ]
            resolvers:
              - name: far
                nameservers: [ { addr: "\(names.address)", chain: way, timeout: 1s } ]

            """
        try withGateway(text(objects, ["resolver: far"])) { gateway in
            let code = try connect(gateway, "here.test", 80)
            #expect(code == ReplyCode.hostUnreachable)
        }
    }

    @Test func `nodes are found by what they or their hop name`() throws {
        let origin = try TCPOrigin.echo()
        let names = try TCPNameServer(["exit.test": "127.0.0.1"])
        let dead = try Ports.free()
        try withGateway { exit in
            for (hop, node) in [
                ("resolver: near, ", ""), ("", ", resolver: near"), ("hosts: list, ", ""),
                ("", ", hosts: list"), ("resolver: none, ", ", resolver: near"),
            ] {
                let objects = """
                    chains:
                      - name: out
                        hops:
                          - name: h
                            \(hop.isEmpty ? "selector: {}" : "\(hop.dropLast(2))")
                            nodes:
                              - { name: n, addr: "exit.test:\(exit.port)", \
                    connector: { type: socks5 }\(node) }
                    resolvers:
                      - { name: near, nameservers: [ { addr: "tcp://\(names.address)" } ] }
                      - { name: none, nameservers: [ { addr: "tcp://127.0.0.1:\(dead)" } ] }
                    hosts:
                      - { name: list, mappings: [ { ip: 127.0.0.1, hostname: exit.test } ] }

                    """
                try withGateway(text(objects, [], chain: true)) { gateway in
                    let code = try connect(gateway, "localhost", origin.port)
                    #expect(code == ReplyCode.succeeded, "\(hop)\(node): \(gateway.log)")
                }
            }
        }
    }
}

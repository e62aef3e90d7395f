import Testing

@Suite("UDP through a chain", .ownThread)
struct DatagramChainTests {
    private static let login = "auth: { username: alice, password: pw-of-alice }"

    /// The text of a chain through nodes, one per hop.
    private static func chain(_ nodes: [(port: UInt16, connector: String)]) -> String {
        var text = "chains:\n  - name: out\n    hops:\n"
        for (index, node) in nodes.enumerated() {
            text += "      - name: hop-\(index)\n        nodes:\n"
            text += "          - { name: node-\(index), addr: \"127.0.0.1:\(node.port)\","
            text += " connector: { \(node.connector) } }\n"
        }
        return text
    }

    /// A gateway whose SOCKS5 service leaves through a chain.
    private func entry(_ nodes: [(port: UInt16, connector: String)]) -> GatewayText {
        var text = GatewayText.socks()
        text.services[0].handler = "socks5\n      chain: out"
        text.services[0].handlerMetadata = ["udp: true", "statsGUID: meter"]
        text.more = Self.chain(nodes)
        return text
    }

    private func entry(_ port: UInt16, _ connector: String = "type: socks5") -> GatewayText {
        entry([(port, connector)])
    }

    /// A gateway that forwards UDP to a target through a chain.
    private func forward(
        to target: Address, _ port: UInt16, _ connector: String = "type: socks5"
    ) -> GatewayText {
        var text = GatewayText.forward("udp", to: [target])
        text.services[0].handler = "udp\n      chain: out"
        text.more = Self.chain([(port, connector)])
        return text
    }

    /// Runs the client of `udp_client.py`; what it says it got back.
    private func play(
        _ form: String, _ gateway: Gateway, to origin: UDPOrigin, host: String = "127.0.0.1",
        _ sizes: [Int]
    ) throws -> Finished {
        try run(
            ["python3", Tools.script("udp_client.py"), form, "\(gateway.port)", host]
                + ["\(origin.port)"] + sizes.map { "\($0)" }, in: gateway.folder)
    }

    private func expectSame(_ records: [FlowRecord], _ sizes: [Int]) {
        let total = sizes.reduce(0, +)
        for record in records {
            #expect(record.protocol == "udp")
            #expect(record.uplinkBytes == total && record.downlinkBytes == total)
            #expect(record.uplinkPackets == sizes.count && record.downlinkPackets == sizes.count)
        }
    }

    private static let sizes = [1, 1400, 4097, 60_000, 65_497]

    // MARK: Two gateways

    @Test(arguments: [
        "type: socks5, \(login)", "type: socks5, \(login), metadata: { relay: udp }",
    ])
    func `an association goes through another gateway, by one association there`(
        connector: String
    ) throws {
        let origins = [try UDPOrigin(), try UDPOrigin()]
        try withGateway(.socks(isClosed: true)) { exit in
            try withGateway(entry(exit.port, connector)) { first in
                let association = try Association(first.address)
                for payload in [[1], [UInt8].pattern(20_000), [2, 3]] {
                    for origin in origins {
                        #expect(
                            try association.exchange(payload, with: origin.address) == payload)
                    }
                }
                association.control.socket.close()
                let (near, far) = (try first.records(2), try exit.records(2))
                let targets = Set(origins.map(\.address.description))
                for records in [near, far] {
                    #expect(Set(records.map(\.destination)) == targets)
                    expectSame(records, [1, 20_000, 2])
                    #expect(records.allSatisfy { $0.overheadUplinkBytes == 30 })
                    #expect(records.allSatisfy { $0.overheadDownlinkBytes == 30 })
                }
                #expect(near.allSatisfy { $0.route == ["node-0"] && $0.user == nil })
                #expect(near.allSatisfy { $0.upstreamRemote == "127.0.0.1:\(exit.port)" })
                #expect(far.allSatisfy { $0.route.isEmpty && $0.user == "alice" })
                #expect(Set(far.map(\.client)).count == 1, "one association for all")
            }
        }
    }

    @Test(
        .enabled(if: Tools.has("python3"), "python3 is not installed"),
        arguments: ["assoc", "f3"], ["type: socks5", "type: socks5, metadata: { relay: udp }"])
    func `datagrams of all sizes come through, and both gateways count them alike`(
        form: String, connector: String
    ) throws {
        let origin = try UDPOrigin()
        try withGateway { exit in
            try withGateway(entry(exit.port, connector)) { first in
                let result = try play(form, first, to: origin, Self.sizes)
                #expect(result.isSuccess, "\(result)\(first.log)")
                expectSame([try first.onlyRecord(), try exit.onlyRecord()], Self.sizes)
                #expect(origin.figures.receivedBytes == Self.sizes.reduce(0, +))
            }
        }
    }

    @Test(
        .enabled(if: Tools.has("python3"), "python3 is not installed"),
        arguments: ["http", "f3"])
    func `HTTP services take datagrams and hand them on, also to each other`(
        _ form: String
    ) throws {
        let origin = try UDPOrigin()
        var last = GatewayText.socks()
        last.services[0].handler = "http"
        last.services[0].handlerMetadata = ["udp: true", "statsGUID: meter"]
        try withGateway(last) { exit in
            var text = entry(exit.port, "type: http")
            text.services[0].handler = "auto\n      chain: out"
            try withGateway(text) { first in
                let result = try play(form, first, to: origin, host: "localhost", Self.sizes)
                #expect(result.isSuccess, "\(result)\(first.log)")
                let (near, far) = (try first.onlyRecord(), try exit.onlyRecord())
                expectSame([near, far], Self.sizes)
                #expect(near.host == "localhost" && far.host == "localhost")
                #expect(near.route == ["node-0"])
            }
        }
    }

    @Test(.enabled(if: Tools.has("python3"), "python3 is not installed"))
    func `three gateways, one behind the other, carry frames`() throws {
        let origin = try UDPOrigin()
        try withGateway { third in
            try withGateway { second in
                let nodes = [(second.port, "type: socks5"), (third.port, "type: socks5")]
                try withGateway(entry(nodes)) { first in
                    let result = try play("assoc", first, to: origin, Self.sizes)
                    #expect(result.isSuccess, "\(result)\(first.log)")
                    let (near, far) = (try first.onlyRecord(), try third.onlyRecord())
                    expectSame([near, far], Self.sizes)
                    #expect(near.route == ["node-0", "node-1"])
                    #expect(try second.onlyRecord().protocol == "tcp")
                }
            }
        }
    }

    @Test func `names are looked up by the last node`() throws {
        let origin = try UDPOrigin()
        try withGateway { exit in
            try withGateway(entry(exit.port)) { first in
                let association = try Association(first.address)
                for payload in [[1], [2, 2]] as [[UInt8]] {
                    try association.send(payload, to: .name("localhost", origin.port))
                    let (back, from) = try association.receive()
                    #expect(back == payload && from.port == origin.port)
                }
                association.control.socket.close()
                let near = try first.onlyRecord()
                #expect(near.host == "localhost")
                #expect(near.destination == "0.0.0.0:\(origin.port)")
                expectSame([near, try exit.onlyRecord()], [1, 2])
                #expect(try exit.onlyRecord().host == "localhost")
            }
        }
    }

    // MARK: Other nodes

    @Test(
        .enabled(if: Tools.has("python3"), "python3 is not installed"),
        arguments: [
            ("f3", ["f3"]), ("rfc", ["f3", "03", "03"]), ("closes", ["f3", "03", "03"]),
            ("http", ["CONNECT"]),
        ] as [(String, [String])])
    func `a node of another make is asked for what it has, and that is remembered`(
        form: String, commands: [String]
    ) throws {
        let origin = try UDPOrigin()
        let folder = try TemporaryFolder()
        let node = try ChildProcess(["python3", Tools.script("udp_node.py"), form], in: folder)
        defer { node.kill() }
        #expect(eventually { !node.output.isEmpty })
        let port = try #require(node.output.split(separator: "\n").first.flatMap { UInt16($0) })
        let connector = form == "http" ? "type: http" : "type: socks5"
        let sizes = [1, 1400, 9000]
        try withGateway(entry(port, connector)) { first in
            for client in commands.count == 1 ? ["assoc"] : ["assoc", "f3"] {
                let result = try play(client, first, to: origin, host: "localhost", sizes)
                #expect(result.isSuccess, "\(result)\(first.log)\(node.errors)")
            }
            #expect(node.output.split(separator: "\n").dropFirst().map(String.init) == commands)
            expectSame(try first.records(commands.count == 1 ? 1 : 2), sizes)
            if commands.count > 1 {
                let said = first.log.split(separator: "\n").count {
                    $0.contains("node has no UDP over TCP")
                }
                #expect(said == 1, "\(first.log)")
            }
        }
    }

    // MARK: Forwarding

    @Test(
        .enabled(if: Tools.has("dig") && Tools.has("dnsmasq"), "dig or dnsmasq is not installed"),
        arguments: ["type: socks5", "type: socks5, metadata: { relay: udp }"])
    func `dig asks dnsmasq through a forward service and a node`(connector: String) throws {
        let server = try Ports.free()
        let folder = try TemporaryFolder()
        let dnsmasq = try ChildProcess(
            [
                Tools.path("dnsmasq") ?? "dnsmasq", "--keep-in-foreground", "--port=\(server)",
                "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts",
                "--address=/weir.test/192.0.2.77", "--conf-file=/dev/null",
                "--pid-file=\(folder.path("dnsmasq.pid"))", "--user=root",
            ], in: folder)
        defer { dnsmasq.kill() }
        #expect(eventually { SocketTable.isBound(udp: server) }, "\(dnsmasq.errors)")
        try withGateway { exit in
            let text = forward(to: Address("127.0.0.1", server), exit.port, connector)
            try withGateway(text) { first in
                for name in ["a.weir.test", "b.weir.test"] {
                    let result = try run(
                        [
                            "dig", "@127.0.0.1", "-p", "\(first.port)", name, "A", "+short",
                            "+tries=1", "+time=5",
                        ], in: first.folder)
                    #expect(result.output == "192.0.2.77\n", "\(result)\(first.log)")
                }
                _ = try first.terminate()
                let (near, far) = (try first.records(2), try exit.records(2))
                func bytes(_ records: [FlowRecord]) -> [Int] {
                    records.flatMap { [$0.uplinkBytes, $0.downlinkBytes] }.sorted()
                }
                #expect(bytes(near) == bytes(far))
                #expect(near.allSatisfy { $0.uplinkPackets == 1 && $0.downlinkPackets == 1 })
                #expect(near.allSatisfy { $0.route == ["node-0"] })
            }
        }
    }

    // MARK: Ends

    @Test func `a client hears when its node ends, and when it serves no UDP`() throws {
        var text = GatewayText.socks()
        text.services[0].handlerMetadata = ["statsGUID: meter"]
        try withGateway(text) { closed in
            try withGateway(entry(closed.port)) { first in
                let client = try SOCKSClient(first.address, user: nil)
                let reply = try client.request(.associate, Address("0.0.0.0", 0))
                #expect(reply.code != ReplyCode.succeeded)
                #expect(
                    eventually { first.log.contains("'udp: true' may be missing there") },
                    "\(first.log)")
            }
        }
        let origin = try UDPOrigin()
        try withGateway { exit in
            try withGateway(entry(exit.port)) { first in
                let association = try Association(first.address)
                #expect(try association.exchange([7], with: origin.address) == [7])
                exit.process.kill()
                #expect(association.control.socket.isClosedByPeer())
                let record = try first.onlyRecord()
                #expect(record.end.by == "upstream", "\(record)")
                expectSame([record], [1])
            }
        }
    }

    @Test func `a forward service goes on when its node is back`() throws {
        let origin = try UDPOrigin()
        try withGateway { exit in
            try withGateway(forward(to: origin.address, exit.port)) { first in
                let client = try Socket.datagram(on: .anyLocal)
                func ask(_ byte: UInt8) throws -> Bool {
                    try client.send([byte], to: first.address)
                    return (try? client.receiveDatagram(within: 0.5))?.bytes == [byte]
                }
                #expect(try ask(1))
                exit.process.kill()
                _ = try first.onlyRecord()
                #expect(try !ask(2))
                try exit.restart()
                #expect(try eventually(within: 10) { try ask(3) })
            }
        }
    }
}

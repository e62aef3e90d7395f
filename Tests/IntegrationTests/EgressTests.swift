import Foundation
import Testing

/// A network with two links to one origin, `a1` and `a2`; without more the first is taken.
private final class TwoWays {
    let origin: ChildProcess
    let port: UInt16
    private var heard = 2

    /// Moves this thread into the network.
    init(_ folder: TemporaryFolder) throws {
        try Namespaces.enterNetwork(folder)
        origin = try ChildProcess(
            ["unshare", "-n", Tools.python, Tools.script("two_ways.py")], in: folder)
        let process = try Self.line(0, of: origin)
        for number in [1, 2] {
            try Namespaces.ip("link add a\(number) type veth peer name b\(number)", folder)
            try Namespaces.ip("addr add 10.\(number).0.1/24 dev a\(number)", folder)
            try Namespaces.ip("addr add fd0\(number)::1/64 dev a\(number) nodad", folder)
            try Namespaces.ip("link set a\(number) up", folder)
        }
        for number in [1, 2] {
            try Namespaces.ip("link set b\(number) netns \(process)", folder)
        }
        guard let port = UInt16(try Self.line(1, of: origin)) else {
            throw HarnessFailure("the origin says \(origin.output)\(origin.errors)")
        }
        self.port = port
        for number in [1, 2] {
            let metric = "metric \(number * 100)"
            try Namespaces.ip(
                "route add 10.9.9.9 via 10.\(number).0.2 dev a\(number) \(metric)", folder)
            try Namespaces.ip(
                "route add fd09::9 via fd0\(number)::2 dev a\(number) \(metric)", folder)
        }
        // What is marked with 77 takes the second.
        try Namespaces.ip("rule add fwmark 77 table 100", folder)
        try Namespaces.ip("route add 10.9.9.9 via 10.2.0.2 dev a2 table 100", folder)
        for name in ["all", "a1", "a2"] {
            try? "0".write(
                toFile: "/proc/sys/net/ipv4/conf/\(name)/rp_filter",
                atomically: false, encoding: .utf8)
        }
    }

    private static func line(_ number: Int, of process: ChildProcess) throws -> String {
        var lines: [Substring] = []
        let isThere = eventually(within: 15) {
            lines = process.output.split(separator: "\n")
            return lines.count > number
        }
        guard isThere else { throw HarnessFailure("\(process.output)\(process.errors)") }
        return String(lines[number])
    }

    /// Where the origin heard the next connection or datagram come from.
    func next() throws -> String {
        heard += 1
        return try Self.line(heard - 1, of: origin)
    }
}

@Suite(
    "Ways out of the machine", .ownThread,
    .enabled(if: Tools.hasNamespaces, "namespaces need privilege"))
struct EgressTests {
    private static let v4 = "10.9.9.9"
    private static let v6 = "fd09::9"

    private func reply(_ gateway: Gateway, at entry: Address? = nil, _ target: Address) throws
        -> UInt8
    {
        let client = try SOCKSClient(entry ?? gateway.address, user: nil)
        let code = try client.request(.connect, target).code
        if code == ReplyCode.succeeded {
            try client.socket.send(Array("hello".utf8))
            _ = try client.socket.receive(exactly: 5)
        }
        return code
    }

    private func text(_ metadata: [String], datagrams: Bool = false) -> GatewayText {
        var text = GatewayText.socks(serviceMetadata: metadata)
        if !datagrams { text.services[0].handlerMetadata = ["statsGUID: meter"] }
        return text
    }

    private static let ways: [(metadata: [String], v4: String, v6: String)] = [
        ([], "10.1.0.1", "fd01::1"),
        (["interface: a2"], "10.2.0.1", "fd02::1"),
        (["interface: 10.2.0.1,fd02::1"], "10.2.0.1", "fd02::1"),
        (["interface: \"nothere, a2\""], "10.2.0.1", "fd02::1"),
        (["interface: [10.3.3.3, fd03::3, a2!]"], "10.2.0.1", "fd02::1"),
        (["so_mark: 77"], "10.2.0.1", "fd01::1"),
        (["interface: a1", "so_mark: 5"], "10.1.0.1", "fd01::1"),
    ]

    @Test func `connections leave by interface, address and mark`() throws {
        let folder = try TemporaryFolder()
        let ways = try TwoWays(folder)
        for (metadata, v4, v6) in Self.ways {
            try withGateway(text(metadata)) { gateway in
                let first = try reply(gateway, Address(Self.v4, ways.port))
                #expect(first == ReplyCode.succeeded, "\(metadata): \(gateway.log)")
                #expect(try ways.next() == "tcp \(v4)", "\(metadata)")
                let second = try reply(gateway, Address(Self.v6, ways.port))
                #expect(second == ReplyCode.succeeded, "\(metadata): \(gateway.log)")
                #expect(try ways.next() == "tcp \(v6)", "\(metadata)")
            }
        }
    }

    @Test func `datagrams leave by interface, address and mark`() throws {
        let folder = try TemporaryFolder()
        let ways = try TwoWays(folder)
        let target = Address(Self.v4, ways.port)
        for (metadata, v4, _) in Self.ways {
            try withGateway(text(metadata, datagrams: true)) { gateway in
                let association = try Association(gateway.address)
                #expect(try association.exchange([1, 2], with: target) == [1, 2])
                #expect(try ways.next() == "udp \(v4)", "\(metadata)")
                association.control.socket.close()
                let record = try gateway.onlyRecord()
                #expect(record.uplinkBytes == 2 && record.downlinkBytes == 2)
            }
            var text = GatewayText.forward("udp", to: [target])
            text.services[0].metadata = metadata
            try withGateway(text) { gateway in
                let socket = try Socket.datagram()
                try socket.send([3], to: gateway.address)
                #expect(try socket.receiveDatagram(within: 5).0 == [3])
                #expect(try ways.next() == "udp \(v4)", "\(metadata)")
            }
        }
    }

    @Test func `datagrams that cannot leave as configured go nowhere, and it is said`() throws {
        let folder = try TemporaryFolder()
        let ways = try TwoWays(folder)
        let metadata = ["interface: nothere"]
        try withGateway(text(metadata, datagrams: true)) { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            let reply = try client.request(.associate, Address("0.0.0.0", 0))
            #expect(reply.code == 1)
            #expect(eventually { gateway.log.contains("interface 'nothere': setsockopt") })
        }
        var text = GatewayText.forward("udp", to: [Address(Self.v4, ways.port)])
        text.services[0].metadata = metadata
        try withGateway(text) { gateway in
            let socket = try Socket.datagram()
            try socket.send([3], to: gateway.address)
            #expect(eventually { gateway.log.contains("interface 'nothere': setsockopt") })
        }
    }

    @Test func `auto leaves by the address that the client connected to`() throws {
        let folder = try TemporaryFolder()
        let ways = try TwoWays(folder)
        var text = text(["interface: auto"])
        text.services[0].address = "[::]:\(try Ports.free())"
        try withGateway(text) { gateway in
            for (entry, target) in [
                ("10.2.0.1", Self.v4), ("10.1.0.1", Self.v4), ("fd02::1", Self.v6),
            ] {
                let code = try reply(
                    gateway, at: Address(entry, gateway.port), Address(target, ways.port))
                #expect(code == ReplyCode.succeeded, "\(gateway.log)")
                #expect(try ways.next() == "tcp \(entry)")
            }
            // The other family has no such address.
            let code = try reply(
                gateway, at: Address("10.2.0.1", gateway.port), Address(Self.v6, ways.port))
            #expect(code == 1)
            #expect(eventually { gateway.log.contains("cannot leave as configured: no interface") })
        }
    }

    @Test func `a strict way that fails ends the attempt, and is said`() throws {
        let folder = try TemporaryFolder()
        let ways = try TwoWays(folder)
        for (way, reason) in [
            ("nothere!,a2", "interface 'nothere': setsockopt(SO_BINDTODEVICE): ENODEV"),
            ("nothere", "interface 'nothere': setsockopt(SO_BINDTODEVICE): ENODEV"),
            ("10.3.3.3!,a2", "source address 10.3.3.3: bind to the source address: EADDRNOTAVAIL"),
        ] {
            try withGateway(text(["interface: \"\(way)\""])) { gateway in
                let code = try reply(gateway, Address(Self.v4, ways.port))
                #expect(code == 1, "\(way)")
                #expect(
                    eventually {
                        gateway.log.contains("cannot leave as configured: \(reason)")
                    }, "\(gateway.log)")
            }
        }
    }

    @Test(.enabled(if: Tools.has("setpriv"), "setpriv is not installed"))
    func `a mark without the capability is a fault with its reason`() throws {
        let folder = try TemporaryFolder()
        let ways = try TwoWays(folder)
        let launcher = ["setpriv", "--bounding-set=-net_admin,-net_raw"]
        try withGateway(text(["so_mark: 77"]), launcher: launcher) { gateway in
            let code = try reply(gateway, Address(Self.v4, ways.port))
            #expect(code == 1)
            #expect(
                eventually {
                    gateway.log.contains(
                        "so_mark 77: setsockopt(SO_MARK): EPERM; it needs the capability"
                            + " CAP_NET_ADMIN")
                }, "\(gateway.log)")
        }
        // Interfaces need none.
        try withGateway(text(["interface: a2"]), launcher: launcher) { gateway in
            let other = try reply(gateway, Address(Self.v4, ways.port))
            #expect(other == ReplyCode.succeeded)
            let place = try ways.next()
            #expect(place == "tcp 10.2.0.1")
        }
    }

    @Test func `nodes are reached as they or their hop say`() throws {
        let folder = try TemporaryFolder()
        let ways = try TwoWays(folder)
        let node = { (more: String) in
            "{ name: n, addr: \"\(Self.v4):\(ways.port)\", connector: { type: forward }\(more) }"
        }
        for (hop, expected) in [
            ("{ name: h, nodes: [ \(node("")) ] }", "10.1.0.1"),
            ("{ name: h, metadata: { interface: a2 }, nodes: [ \(node("")) ] }", "10.2.0.1"),
            (
                "{ name: h, metadata: { interface: a2 }, nodes: [ \(node(", interface: a1")) ] }",
                "10.1.0.1"
            ),
            ("{ name: h, sockopts: { mark: 77 }, nodes: [ \(node("")) ] }", "10.2.0.1"),
            ("{ name: h, nodes: [ \(node(", metadata: { so_mark: 77 }")) ] }", "10.2.0.1"),
        ] {
            // What the service says is about what it dials itself.
            var text = text(["interface: nothere"])
            text.services[0].handler = "socks5\n      chain: out"
            text.more = "chains: [ { name: out, hops: [ \(hop) ] } ]\n"
            try withGateway(text) { gateway in
                let code = try reply(gateway, Address("192.0.2.1", 80))
                #expect(code == ReplyCode.succeeded, "\(hop): \(gateway.log)")
                let seen = try ways.next()
                #expect(seen == "tcp \(expected)", "\(hop)")
            }
        }
    }
}

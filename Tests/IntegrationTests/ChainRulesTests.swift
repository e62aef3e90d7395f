import Foundation
import Glibc
import Testing

@Suite("What chains and their nodes are for", .ownThread)
struct ChainRulesTests {
    /// A SOCKS5 gateway with a chain: the hops' text, at the right depth, and further objects.
    private func entry(_ hops: [String], _ objects: String = "", group: String? = nil)
        -> GatewayText
    {
        var text = GatewayText.socks()
        text.services[0].handler =
            "socks5\n" + (group.map { "      chainGroup: \($0)" } ?? "      chain: out")
        text.services[0].handlerMetadata = ["statsGUID: meter"]
        text.more = "chains:\n  - name: out\n    hops:\n"
        for hop in hops { text.more += "      - \(hop)\n" }
        text.more += objects
        return text
    }

    private func node(_ name: String, _ port: UInt16, _ more: String = "") -> String {
        "{ name: \(name), addr: \"127.0.0.1:\(port)\", connector: { type: socks5 }\(more) }"
    }

    /// Connects, moves five bytes, and gives the record that the gateway has afterwards.
    private func flow(
        _ gateway: Gateway, _ target: SOCKSTarget, record number: Int = 1
    ) throws -> FlowRecord {
        let client = try SOCKSClient(gateway.address, user: nil)
        let reply = try client.request(.connect, target)
        guard reply.code == ReplyCode.succeeded else {
            throw HarnessFailure("\(target): reply \(reply.code): \(gateway.log)")
        }
        try client.socket.send(Array("hello".utf8))
        _ = try client.socket.receive(exactly: 5)
        client.socket.close()
        return try gateway.records(number)[number - 1]
    }

    /// The route that a connection takes.
    private func route(
        _ gateway: Gateway, _ target: SOCKSTarget, record number: Int = 1
    ) throws -> [String] {
        try flow(gateway, target, record: number).route
    }

    @Test func `a rule takes a node, and no rule's node takes the rest`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { exit in
            let rule = "matcher: { rule: \"Host(`localhost`) && ClientIP(`127.0.0.0/8`)\" }"
            let nodes = [node("any", exit.port), node("named", exit.port, ", \(rule)")]
            let hop = "{ name: h, nodes: [ \(nodes.joined(separator: ", ")) ] }"
            try withGateway(entry([hop])) { first in
                for number in 0..<3 {
                    let named = try flow(
                        first, .name("localhost", origin.port), record: 2 * number + 1)
                    #expect(named.route == ["named"])
                    let any = try flow(
                        first, .address(origin.address), record: 2 * number + 2)
                    // The rule of the other does not hold; in turn there is nobody else.
                    #expect(any.route == ["any"])
                }
            }
        }
    }

    @Test func `a group takes the chain that is for the request, and goes directly without`() throws
    {
        let origin = try TCPOrigin.echo()
        try withGateway { exit in
            let group = "{ chains: [ { chain: out, matcher: { rule: \"!Host(`127.0.0.1`)\" } } ] }"
            let hop = "{ name: h, nodes: [ \(node("n", exit.port)) ] }"
            try withGateway(entry([hop], group: group)) { first in
                let named = try route(first, .name("localhost", origin.port))
                #expect(named == ["n"])
                let direct = try route(first, .address(origin.address), record: 2)
                #expect(direct == [])
            }
        }
    }

    @Test func `bypasses of a hop and a node, from a file that changes`() throws {
        let origin = try TCPOrigin.echo()
        let folder = try TemporaryFolder()
        let list = try folder.write("127.0.0.1\n", to: "list")
        let objects = """
            bypasses:
              - { name: past, file: { path: "\(list)" }, reload: 1h }
              - { name: named, matchers: [ localhost ] }

            """
        try withGateway { exit in
            let hop = """
                { name: i, bypass: past, nodes: [ \(node("b", exit.port, ", bypass: named")), \
                \(node("c", exit.port)) ], selector: { strategy: fifo } }
                """
            try withGateway(entry([hop], objects), folder: folder) { first in
                let target = SOCKSTarget.address(origin.address)
                let direct = try route(first, target)
                #expect(direct == [], "the only hop is bypassed")
                let named = try route(first, .name("localhost", origin.port), record: 2)
                #expect(named == ["c"])
                let new = try folder.write("192.0.2.1\n", to: "list.new")
                rename(new, list)
                var number = 2
                let isTaken = try eventually {
                    number += 1
                    return try flow(first, target, record: number).route == ["b"]
                }
                #expect(isTaken)
            }
        }
    }

    @Test func `a bypassed hop ends the chain before it`() throws {
        let origin = try TCPOrigin.echo()
        let objects = "bypasses: [ { name: past, matchers: [ 127.0.0.1 ] } ]\n"
        try withGateway { exit in
            try withGateway { other in
                let far = "{ name: i, bypass: past, nodes: [ \(node("z", other.port)) ] }"
                let near = "{ name: h, nodes: [ \(node("a", exit.port)) ] }"
                try withGateway(entry([near, far], objects)) { first in
                    let target = SOCKSTarget.address(origin.address)
                    let cut = try route(first, target)
                    #expect(cut == ["a"], "the chain ends before it")
                    let whole = try route(first, .name("localhost", origin.port), record: 2)
                    #expect(whole == ["a", "z"])
                }
            }
        }
    }

    @Test func `nodes from a file that is replaced and broken`() throws {
        let origin = try TCPOrigin.echo()
        let folder = try TemporaryFolder()
        try withGateway { exit in
            let list = try folder.write("- \(node("one", exit.port))\n", to: "nodes")
            let hop = "{ name: h, file: { path: \"\(list)\" }, reload: 1h }"
            try withGateway(entry([hop]), folder: folder) { first in
                let target = SOCKSTarget.address(origin.address)
                let before = try route(first, target)
                #expect(before == ["one"])
                rename(
                    try folder.write("[ \(node("two", exit.port)) ]", to: "nodes.new"), list)
                var number = 1
                let isNew = try eventually {
                    number += 1
                    return try route(first, target, record: number) == ["two"]
                }
                #expect(isNew)
                rename(
                    try folder.write(
                        "- \(node("three", exit.port, ", bypass: gone"))\n", to: "nodes.new"),
                    list)
                #expect(eventually { first.log.contains("nothing of the name 'gone'") })
                let after = try route(first, target, record: number + 1)
                #expect(after == ["two"])
            }
        }
    }

    // MARK: PROXY headers

    @Test(arguments: [1, 2])
    func `nodes are told who the client is`(version: Int) throws {
        let origin = try TCPOrigin.echo()
        let trusting = GatewayText.socks(serviceMetadata: ["proxyProtocol: 1"])
        try withGateway(trusting) { last in
            try withGateway(trusting) { middle in
                // The hop says it for its nodes, and a node for itself.
                let hops = [
                    """
                    { name: h, metadata: { proxyProtocol: \(version) }, \
                    nodes: [ \(node("a", middle.port)) ] }
                    """,
                    """
                    { name: i, nodes: [ \(node(
                        "b", last.port, ", metadata: { proxyProtocol: \(version) }")) ] }
                    """,
                ]
                try withGateway(entry(hops)) { first in
                    let record = try flow(first, .address(origin.address))
                    #expect(record.route == ["a", "b"])
                    let (near, far) = (try middle.onlyRecord(), try last.onlyRecord())
                    #expect(near.client == record.client && far.client == record.client)
                    #expect(far.uplinkBytes == 5 && far.downlinkBytes == 5)
                    // The header is overhead of the last, and payload of the middle.
                    #expect(near.uplinkBytes == far.uplinkBytes + far.overheadUplinkBytes)
                }
            }
        }
    }
}

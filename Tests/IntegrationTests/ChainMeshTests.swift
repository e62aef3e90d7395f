import Foundation
import Testing

/// Gateways behind one another, in every combination of what they speak.
///
/// Three exits in a row have a service for each handler that a connector may meet, with a login and
/// without; the entry has a service for each chain through them. Every connection moves a different
/// number of bytes, and every gateway's meter must say so.
@Suite("Gateways chained in every combination", .ownThread)
struct ChainMeshTests {
    /// What one node is: the exit's handler, and what is spoken with it.
    struct Link: Hashable {
        let handler: String
        let connector: String
        let hasLogin: Bool

        /// Its service's index in an exit.
        var index: Int {
            let place = ["http", "socks5"].firstIndex(of: handler) ?? 2
            return 2 * place + (hasLogin ? 1 : 0)
        }
    }

    static let links: [Link] = ["http", "socks5"].flatMap { connector in
        [connector, "auto"].flatMap { handler in
            [false, true].map { Link(handler: handler, connector: connector, hasLogin: $0) }
        }
    }

    /// A chain and the handler of the service in front of it.
    struct Combination {
        let handler: String
        let links: [Link]
    }

    static let handlers = ["http", "socks5", "auto"]

    /// Every link behind every handler, every pair of links, and every pair with a third.
    static let combinations: [Combination] = {
        var all: [Combination] = []
        for handler in handlers {
            for link in links { all.append(Combination(handler: handler, links: [link])) }
        }
        for (i, one) in links.enumerated() {
            for (j, other) in links.enumerated() {
                let third = links[(3 * i + j) % links.count]
                all.append(Combination(handler: handlers[(i + j) % 3], links: [one, other]))
                all.append(
                    Combination(handler: handlers[(i + 2 * j) % 3], links: [one, other, third]))
            }
        }
        return all
    }()

    /// An exit's services; `ip` is where they listen.
    private func exit(_ ip: String) throws -> GatewayText {
        var text = GatewayText.socks()
        text.services = try Self.handlers.flatMap { handler in
            try [nil, "users"].map { auther in
                GatewayText.Service(
                    name: handler + (auther ?? ""), address: "\(ip):\(try Ports.free())",
                    handler: handler, auther: auther, handlerMetadata: ["statsGUID: meter"])
            }
        }
        return text
    }

    private func entry(_ exits: [Gateway]) -> GatewayText {
        var text = GatewayText.socks()
        text.services = []
        text.more = "chains:\n"
        for (number, combination) in Self.combinations.enumerated() {
            text.services.append(
                GatewayText.Service(
                    name: "s\(number)", handler: "\(combination.handler)\n      chain: c\(number)",
                    handlerMetadata: ["statsGUID: meter"]))
            text.more += "  - name: c\(number)\n    hops:\n"
            for (depth, link) in combination.links.enumerated() {
                let address = exits[depth].addresses[link.index]
                let login = ", auth: { username: alice, password: pw-of-alice }"
                text.more += """
                          - name: h\(depth)
                            nodes:
                              - name: n\(depth)
                                addr: "\(address)"
                                connector: { type: \(link.connector)\(link.hasLogin ? login : "") }

                    """
            }
        }
        return text
    }

    /// A tunnel through a service of the entry.
    private func tunnel(_ entry: Address, http: Bool, _ target: SOCKSTarget) throws -> Socket {
        if http {
            let authority =
                switch target {
                case .address(let address): address.description
                case .name(let name, let port): "\(name):\(port)"
                case .raw: ""
                }
            let socket = try Socket.connect(to: entry)
            try socket.send(
                Array("CONNECT \(authority) HTTP/1.1\r\nHost: \(authority)\r\n\r\n".utf8))
            var head = ""
            while !head.hasSuffix("\r\n\r\n") {
                head += String(decoding: try socket.receive(exactly: 1), as: UTF8.self)
            }
            guard head.hasPrefix("HTTP/1.1 200") else { throw HarnessFailure(head) }
            return socket
        }
        let client = try SOCKSClient(entry, user: nil)
        let code = try client.request(.connect, target).code
        guard code == ReplyCode.succeeded else { throw HarnessFailure("reply \(code)") }
        return client.socket
    }

    @Test func `every gateway's meter says what the client moved`() throws {
        let v4 = try TCPOrigin.echo()
        let v6 = try TCPOrigin.echo(on: Address("::1", 0))
        let targets: [SOCKSTarget] = [
            .name("localhost", v4.port), .address(v4.address), .address(v6.address),
        ]
        try withGateway(exit("127.0.0.1")) { one in
            try withGateway(exit("[::1]")) { two in
                try withGateway(exit("127.0.0.1")) { three in
                    let exits = [one, two, three]
                    try withGateway(entry(exits)) { entry in
                        try move(through: entry, to: targets)
                        let count = Self.combinations.count * targets.count
                        let records = try entry.records(count)
                        #expect(records.count == count)
                        try compare(records, exits)
                    }
                }
            }
        }
    }

    /// Payload of the connection `number`: every one has another length.
    private func payload(_ number: Int) -> [UInt8] { .pattern(100 + 7 * number, seed: number) }

    private func move(through entry: Gateway, to targets: [SOCKSTarget]) throws {
        for (number, combination) in Self.combinations.enumerated() {
            for (index, target) in targets.enumerated() {
                let http =
                    combination.handler == "http"
                    || (combination.handler == "auto" && index % 2 == 0)
                let socket: Socket
                do {
                    socket = try tunnel(entry.addresses[number], http: http, target)
                } catch {
                    throw HarnessFailure("\(combination) to \(target): \(error)\n\(entry.log)")
                }
                let bytes = payload(number * targets.count + index)
                try socket.send(bytes)
                #expect(try socket.receive(exactly: bytes.count) == bytes)
                socket.close()
            }
        }
    }

    /// What one gateway writes into a connection, the next one reads as handshake and payload.
    private func compare(_ records: [FlowRecord], _ exits: [Gateway]) throws {
        var behind: [[String: FlowRecord]] = []
        for (depth, exit) in exits.enumerated() {
            let count = Self.combinations.count { $0.links.count > depth } * 3
            let found = try exit.records(count)
            #expect(found.count == count)
            behind.append(
                Dictionary(
                    found.map { ("\($0.client) \($0.listener)", $0) },
                    uniquingKeysWith: { one, _ in one }))
        }
        let lengths = Set((0..<records.count).map { payload($0).count })
        #expect(Set(records.map(\.uplinkBytes)) == lengths)
        for record in records {
            let number = try #require(Int(record.service.dropFirst()))
            let links = Self.combinations[number].links
            #expect(record.uplinkBytes == record.downlinkBytes)
            #expect(record.route == links.indices.map { "n\($0)" })
            var near = record
            for (depth, link) in links.enumerated() {
                let far = try #require(
                    behind[depth]["\(near.upstreamLocal) \(near.upstreamRemote)"],
                    "\(links) at \(depth)")
                #expect(far.user == (link.hasLogin ? "alice" : nil))
                #expect(far.service == link.handler + (link.hasLogin ? "users" : ""))
                if depth > 0 {
                    #expect(near.uplinkBytes == far.uplinkBytes + far.overheadUplinkBytes)
                    #expect(near.downlinkBytes == far.downlinkBytes + far.overheadDownlinkBytes)
                }
                near = far
            }
            #expect(near.uplinkBytes == record.uplinkBytes, "\(links)")
            #expect(near.downlinkBytes == record.downlinkBytes, "\(links)")
            #expect(near.host == record.host)
        }
    }
}

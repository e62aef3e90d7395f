import Foundation
import Testing

@Suite("Chains of gateways and proxies", .ownThread)
struct ChainTests {
    /// A gateway whose SOCKS5 service leaves through hops, each a list of nodes.
    private func entry(_ hops: [[String]], retries: Int = 0) -> GatewayText {
        var text = GatewayText.socks()
        text.services[0].handler = "socks5\n      chain: out\n      retries: \(retries)"
        text.services[0].handlerMetadata = ["statsGUID: meter"]
        text.more = "chains:\n  - name: out\n    hops:\n"
        for (index, nodes) in hops.enumerated() {
            text.more += "      - name: hop-\(index)\n        selector: { strategy: fifo }\n"
            text.more += "        nodes:\n"
            for node in nodes { text.more += "          - \(node)\n" }
        }
        return text
    }

    private func node(_ name: String, _ port: UInt16, _ connector: String = "type: socks5")
        -> String
    {
        "{ name: \(name), addr: \"127.0.0.1:\(port)\", connector: { \(connector) } }"
    }

    private func fetch(_ gateway: Gateway, _ url: String) throws -> Finished {
        try run(
            [
                "curl", "-sS", "-o", gateway.folder.path("body"), "--max-time", "20", "--ipv4",
                "-x", "socks5h://127.0.0.1:\(gateway.port)", url,
            ], in: gateway.folder)
    }

    private func expectBody(_ body: [UInt8], _ gateway: Gateway) throws {
        #expect(try Data(contentsOf: URL(filePath: gateway.folder.path("body"))) == Data(body))
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"))
    func `two gateways record the same bytes, and the first its route`() throws {
        let body = [UInt8].pattern(200_001)
        let origin = try TCPOrigin.http(body: body)
        let login = "type: socks5, auth: { username: alice, password: pw-of-alice }"
        try withGateway(.socks(isClosed: true)) { exit in
            try withGateway(entry([[node("last", exit.port, login)]])) { first in
                let result = try fetch(first, "http://localhost:\(origin.port)/x")
                #expect(result.isSuccess, "\(result)")
                try expectBody(body, first)
                let (near, far) = (try first.onlyRecord(), try exit.onlyRecord())
                #expect(near.route == ["last"] && far.route.isEmpty)
                #expect(near.host == "localhost" && far.host == "localhost", "names go down")
                #expect(near.destination == "0.0.0.0:\(origin.port)")
                #expect(near.upstreamRemote == "127.0.0.1:\(exit.port)")
                #expect(far.user == "alice" && near.user == nil)
                #expect(near.uplinkBytes == far.uplinkBytes)
                #expect(near.downlinkBytes == far.downlinkBytes)
                #expect(near.uplinkBytes == origin.connections.first?.received)
            }
        }
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"))
    func `three gateways, one behind the other`() throws {
        let body = [UInt8].pattern(70_000)
        let origin = try TCPOrigin.http(body: body)
        try withGateway { third in
            try withGateway { second in
                let hops = [[node("a", second.port)], [node("b", third.port)]]
                try withGateway(entry(hops)) { first in
                    let result = try fetch(first, "http://localhost:\(origin.port)/x")
                    #expect(result.isSuccess, "\(result)")
                    try expectBody(body, first)
                    let records = try [first, second, third].map { try $0.onlyRecord() }
                    #expect(records.map(\.route) == [["a", "b"], [], []])
                    #expect(records[0].uplinkBytes == records[2].uplinkBytes)
                    #expect(records[0].downlinkBytes == records[2].downlinkBytes)
                    #expect(records[1].destination == "127.0.0.1:\(third.port)")
                }
            }
        }
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"))
    func `HTTP and SOCKS5 nodes in both orders`() throws {
        let body = [UInt8].pattern(30_000)
        let origin = try TCPOrigin.http(body: body)
        let folder = try TemporaryFolder()
        let proxy = try ChildProcess(
            ["python3", Tools.script("connect_proxy.py")], in: folder)
        #expect(eventually { !proxy.output.isEmpty })
        let port = try #require(
            proxy.output.split(separator: "\n").first.flatMap { UInt16($0) })
        let http = node("http", port, "type: http")
        try withGateway { other in
            let socks = node("socks", other.port)
            for (hops, route) in [
                ([[http]], ["http"]), ([[http], [socks]], ["http", "socks"]),
                ([[socks], [http]], ["socks", "http"]),
            ] {
                try withGateway(entry(hops)) { first in
                    let result = try fetch(first, "http://localhost:\(origin.port)/x")
                    #expect(result.isSuccess, "\(route): \(result)")
                    try expectBody(body, first)
                    let record = try first.onlyRecord()
                    #expect(record.route == route)
                    #expect(record.host == "localhost")
                }
            }
        }
        let authorities = proxy.output.split(separator: "\n").dropFirst()
        #expect(authorities.count { $0 == "localhost:\(origin.port)" } == 2)
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"))
    func `a node that is down is named, rests, and a retry goes through the next`() throws {
        let origin = try TCPOrigin.http(body: .pattern(1000))
        let dead = try Ports.free()
        try withGateway { exit in
            let hop = [node("dead", dead), node("good", exit.port)]
            try withGateway(entry([hop])) { first in
                let results = try (0..<2).map { _ in
                    try fetch(first, "http://localhost:\(origin.port)/x").isSuccess
                }
                #expect(results == [false, true])
                let said = eventually {
                    first.log.contains("'dead' at 127.0.0.1:\(dead): cannot be reached")
                }
                #expect(said, "\(first.log)")
            }
            try withGateway(entry([hop], retries: 1)) { first in
                let result = try fetch(first, "http://localhost:\(origin.port)/x")
                #expect(result.isSuccess, "\(result)")
                #expect(try first.onlyRecord().route == ["good"])
            }
        }
    }

    @Test func `a login that a node refuses is said without the password`() throws {
        let origin = try TCPOrigin.echo()
        let login = "type: socks5, auth: { username: alice, password: pw-of-nobody }"
        try withGateway(.socks(isClosed: true)) { exit in
            try withGateway(entry([[node("last", exit.port, login)]])) { first in
                let client = try SOCKSClient(first.address, user: nil)
                #expect(try client.request(.connect, origin.address).code == 1)
                #expect(eventually { first.log.contains("refuses our user and password") })
            }
        }
    }

    @Test func `a name that is looked up here leads around no bypass of the service`() throws {
        let node = try TCPOrigin.sink()
        var text = GatewayText(services: [GatewayText.Service()], meters: [])
        text.literal = """
            services:
            - name: service-0
              addr: 127.0.0.1:PORT
              handler: { type: socks5, chain: c }
              listener: { type: tcp }
              bypass: inner
              hosts: known
            bypasses: [{ name: inner, matchers: [198.51.100.0/24] }]
            hosts:
            - name: known
              mappings: [{ ip: 198.51.100.7, hostname: inner.example }]
            chains:
            - name: c
              hops:
              - name: h
                nodes: [{ name: n, addr: "\(node.address)", connector: { type: socks5 } }]
            """
        try withGateway(text) { gateway in
            for target in [
                SOCKSTarget.name("inner.example", 80), .address(Address("198.51.100.7", 80)),
            ] {
                let client = try SOCKSClient(gateway.address, user: nil)
                #expect(try client.request(.connect, target).code == 2)
            }
        }
        #expect(node.connections.isEmpty)
    }
}

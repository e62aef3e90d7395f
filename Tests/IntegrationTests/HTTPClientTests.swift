import Foundation
import Testing

@Suite("Real clients of the HTTP proxy", .ownThread)
struct HTTPClientTests {
    private func web(isClosed: Bool = false, handler: String = "http") -> GatewayText {
        GatewayText(services: [
            GatewayText.Service(
                name: "web", handler: handler, auther: isClosed ? "users" : nil,
                handlerMetadata: ["statsGUID: meter"])
        ])
    }

    private func curl(_ words: [String], in folder: TemporaryFolder) throws -> Finished {
        try run(
            ["curl", "-sS", "-o", folder.path("body"), "--max-time", "20", "-w", "%{http_code}"]
                + words, in: folder)
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"), arguments: ["http", "auto"])
    func `curl gets what the origin sent, and the record has its bytes`(handler: String) throws {
        let body = [UInt8].pattern(323_457)
        let origin = try TCPOrigin.http(body: body)
        try withGateway(web(handler: handler)) { gateway in
            let result = try curl(
                [
                    "-x", "http://127.0.0.1:\(gateway.port)",
                    "http://localhost:\(origin.port)/x", "--ipv4",
                ], in: gateway.folder)
            #expect(result.output == "200", "\(result)")
            #expect(try Data(contentsOf: URL(filePath: gateway.folder.path("body"))) == Data(body))
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == origin.connections.first?.received)
            #expect(record.downlinkBytes > body.count)
            #expect(record.host == "localhost")
        }
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"))
    func `curl tunnels with a password, and without one it is told to log in`() throws {
        let body = [UInt8].pattern(50_000)
        let origin = try TCPOrigin.http(body: body)
        try withGateway(web(isClosed: true)) { gateway in
            let tunnel = [
                "--proxytunnel", "-x", "http://alice:pw-of-alice@127.0.0.1:\(gateway.port)",
                "http://127.0.0.1:\(origin.port)/",
            ]
            #expect(try curl(tunnel, in: gateway.folder).output == "200")
            let record = try gateway.onlyRecord()
            #expect(record.user == "alice")
            #expect(record.uplinkBytes == origin.connections.first?.received)
            let refused = try curl(
                [
                    "-x", "http://alice:wrong@127.0.0.1:\(gateway.port)",
                    "http://127.0.0.1:\(origin.port)/",
                ], in: gateway.folder)
            #expect(refused.output == "407")
            #expect(origin.connections.count == 1)
        }
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"))
    func `curl uploads in chunks and by length, on one connection`() throws {
        let origin = try TCPOrigin.upload(answer: .pattern(1000))
        try withGateway(web()) { gateway in
            let upload = try gateway.folder.write([UInt8].pattern(777_777), to: "upload")
            let result = try curl(
                [
                    "-x", "http://127.0.0.1:\(gateway.port)", "--data-binary", "@\(upload)",
                    "http://127.0.0.1:\(origin.port)/",
                ], in: gateway.folder)
            #expect(result.output == "200", "\(result)")
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes == origin.connections.first?.received)
            #expect(record.uplinkBytes > 777_777)
        }
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"))
    func `a port where nobody listens is 502`() throws {
        let port = try Ports.free()
        try withGateway(web()) { gateway in
            let result = try curl(
                ["-x", "http://127.0.0.1:\(gateway.port)", "http://127.0.0.1:\(port)/"],
                in: gateway.folder)
            #expect(result.output == "502")
        }
    }
}

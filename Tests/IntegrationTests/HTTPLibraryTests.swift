import Foundation
import Testing

@Suite("Client libraries of the HTTP proxy", .ownThread)
struct HTTPLibraryTests {
    private struct Counts: Decodable {
        let requests: Int
        let received: Int
        let tunnels: Int
    }

    private let web = GatewayText(services: [
        GatewayText.Service(
            name: "web", handler: "http", auther: "users", handlerMetadata: ["statsGUID: meter"])
    ])

    private static func has(_ library: String) -> Bool {
        Tools.pythonHas(library) && Tools.has("openssl")
    }

    /// Nine exchanges with a plain origin and nine with one in TLS, each answer checked by the
    /// client: contents by length and in chunks, both ways, none, and statuses that have none.
    @Test(
        .enabled(
            if: has("requests") && has("httpx") && has("aiohttp"),
            "requests, httpx, aiohttp or openssl is not installed"),
        arguments: ["requests", "httpx", "aiohttp"])
    func `a library gets every answer whole, and what its origin read is recorded`(
        library: String
    ) throws {
        try withGateway(web) { gateway in
            let certificate = try Certificate.make(in: gateway.folder)
            let result = try run(
                [
                    Tools.python, Tools.script("http_clients.py"), library,
                    "http://alice:pw-of-alice@127.0.0.1:\(gateway.port)",
                    certificate.file, certificate.key,
                ], in: gateway.folder, within: 60)
            try #require(result.isSuccess, "\(result)")
            let counts = try JSONDecoder().decode(Counts.self, from: Data(result.output.utf8))
            #expect(counts.requests == 18)
            let records = try gateway.records(9 + counts.tunnels)
            #expect(records.allSatisfy { $0.user == "alice" && $0.end.cause != "error" })
            let plain = records.filter { $0.host == nil }
            let tunnels = records.filter { $0.host == "localhost" }
            #expect(plain.count == 9)
            #expect(tunnels.count == counts.tunnels)
            #expect(plain.map(\.uplinkBytes).reduce(0, +) == counts.received)
            #expect(tunnels.map(\.uplinkBytes).reduce(0, +) > 2 * 300_000)
            for records in [plain, tunnels] {
                #expect(records.map(\.downlinkBytes).reduce(0, +) > 5 * 300_000)
            }
        }
    }

    @Test(.enabled(if: Tools.has("wget"), "wget is not installed"))
    func `wget logs in when it is told to`() throws {
        let body = [UInt8].pattern(400_000)
        try withGateway(web) { gateway in
            try gateway.folder.write(body, to: "whole.bin")
            let port = try Ports.free()
            let server = try ChildProcess(
                [
                    Tools.python, "-m", "http.server", "--bind", "127.0.0.1", "--directory",
                    gateway.folder.root, "\(port)",
                ], in: gateway.folder)
            defer { server.kill() }
            #expect(eventually { SocketTable.listens(on: port) })
            let target = "http://127.0.0.1:\(port)/whole.bin"
            let refused = try wget(["-O", gateway.folder.path("none"), target], nil, gateway)
            #expect(!refused.isSuccess)
            #expect(refused.errors.contains("407"), "\(refused)")
            let got = gateway.folder.path("got.bin")
            let result = try wget(["-O", got, target], "alice:pw-of-alice", gateway)
            #expect(result.isSuccess, "\(result)")
            #expect(try Data(contentsOf: URL(filePath: got)) == Data(body))
            let record = try gateway.onlyRecord()
            #expect(record.user == "alice")
            #expect(record.downlinkBytes > body.count)
        }
    }

    private func wget(
        _ words: [String], _ login: String?, _ gateway: Gateway
    ) throws -> Finished {
        let proxy = "http://\(login.map { $0 + "@" } ?? "")127.0.0.1:\(gateway.port)"
        return try run(
            ["wget", "-nv", "--tries=1", "--timeout=20", "--no-config"] + words,
            in: gateway.folder, environment: ["http_proxy": proxy])
    }
}

import Foundation
import Glibc
import Testing

/// A gateway whose API asks for a login, asked by curl.
private struct Operator {
    static let login = ["-u", "op:pw-of-op"]
    let gateway: Gateway
    let port: UInt16

    static func run(
        _ text: GatewayText, _ more: String = "", _ body: (Operator) throws -> Void
    ) throws {
        var text = text
        let port = try Ports.free()
        text.more +=
            "api: { addr: \"127.0.0.1:\(port)\", accesslog: true, "
            + "auth: { username: op, password: pw-of-op }\(more) }\n"
        try withGateway(text) { try body(Operator(gateway: $0, port: port)) }
    }

    struct Answer {
        let status: Int
        let head: String
        let body: String

        var object: [String: Any] {
            let value = try? JSONSerialization.jsonObject(with: Data(body.utf8))
            return value as? [String: Any] ?? [:]
        }
        var data: [String: Any] { object["data"] as? [String: Any] ?? [:] }
        var code: Int? { object["code"] as? Int }
    }

    @discardableResult
    func ask(
        _ method: String, _ path: String, _ body: String? = nil, _ more: [String] = login
    ) throws -> Answer {
        let data = body.map { ["-d", $0] } ?? []
        let result = try IntegrationTests.run(
            [
                "curl", "-sS", "-i", "--max-time", "20", "-X", method,
                "http://127.0.0.1:\(port)\(path)",
            ] + data + more, in: gateway.folder, within: 30)
        guard result.isSuccess else { throw HarnessFailure("curl: \(result)") }
        let parts = result.output.split(separator: "\r\n\r\n", maxSplits: 1)
        let head = String(parts.first ?? "")
        let words = head.split(separator: " ")
        return Answer(
            status: words.count > 1 ? Int(words[1]) ?? 0 : 0, head: head.lowercased(),
            body: parts.count > 1 ? String(parts[1]) : "")
    }

    func service(_ name: String, _ port: UInt16) -> String {
        "{\"name\":\"\(name)\",\"addr\":\"127.0.0.1:\(port)\",\"handler\":{\"type\":\"socks5\"}}"
    }
}

@Suite("Changes through the API", .ownThread)
struct APIEditTests {
    @Test func `calls that a gost was asked get its answers`() throws {
        let (api, folder) = (try Ports.free(), try TemporaryFolder())
        var text = GatewayText.socks()
        text.literal = """
            services:
              - name: svc
                addr: "127.0.0.1:PORT"
                handler: { type: socks5, auther: a }
                listener: { type: tcp }
                metadata: { enableStats: true }
            authers: [ { name: a, auths: [ { username: u, password: p } ] } ]
            api: { addr: "127.0.0.1:\(api)", auth: { username: op, password: pw-of-op } }
            weir: { state: "\(folder.root)/state" }

            """
        try withGateway(text, folder: folder) { gateway in
            let ports = try [gateway.port] + (0..<6).map { _ in try Ports.free() }
            let result = try run(
                [
                    Tools.python, Tools.script("gost_api.py"), "127.0.0.1:\(api)", "op:pw-of-op",
                    Tools.script("gost_api_calls.json"),
                ] + ports.map { "\($0)" }, in: folder, within: 60)
            #expect(result.isSuccess, "\(result)")
            let saved = try String(contentsOfFile: folder.path("saved.yml"), encoding: .utf8)
            #expect(saved.contains("name: svc"))
            #expect(!saved.contains("createTime"))
            let check = try Gateway.command(["check", "-C", folder.path("saved.yml")], in: folder)
            #expect(check.isSuccess, "\(check)")
        }
    }

    @Test func `what was changed is saved where that is safe, and comes back with a start`()
        throws
    {
        try Operator.run(.socks()) { api in
            let port = try Ports.free()
            #expect(try api.ask("POST", "/config/services", api.service("two", port)).status == 200)
            #expect(chmod(api.gateway.file, 0o640) == 0)
            let saved = try api.ask("POST", "/config")
            #expect(saved.object["msg"] as? String == "OK", "\(saved)")
            var facts = stat()
            #expect(stat(api.gateway.file, &facts) == 0)
            #expect(facts.st_mode & 0o777 == 0o640)
            try api.gateway.restart()
            #expect(try SOCKSClient(.local(port), user: nil).request(.connect, .local(1)).code != 0)
            let json = try api.ask("POST", "/config?path=copy.json")
            #expect(json.status == 200, "\(json)")
            #expect(stat(api.gateway.folder.path("copy.json"), &facts) == 0)
            #expect(facts.st_mode & 0o777 == 0o600, "it holds secrets")
            let copy = try Data(contentsOf: URL(filePath: api.gateway.folder.path("copy.json")))
            #expect(try JSONSerialization.jsonObject(with: copy) is [String: Any])
            for name in [
                "copy.json", "../x.yaml", "/tmp/x.yaml", ".hidden.yaml", "notes.txt", "",
            ] where !name.isEmpty {
                let refused = try api.ask("POST", "/config?path=\(name)")
                #expect(refused.status == 500 && refused.code == 40005, "\(name): \(refused)")
            }
            #expect(try api.ask("POST", "/config?format=xml").code == 40001)
        }
    }

    @Test func `services tell what became of them, and bring it back without harm`() throws {
        let origin = try TCPOrigin.echo()
        var text = GatewayText.socks(isClosed: true, more: ["quotas: q"])
        text.more = "quotas: [ { name: q, limits: [ \"user:alice 30KB\" ] } ]\n"
        try Operator.run(text) { api in
            func client() throws -> SOCKSClient? {
                let client = try SOCKSClient(api.gateway.address, user: "alice")
                return try client.request(.connect, origin.address).code == 0 ? client : nil
            }
            let first = try #require(try client())
            try first.socket.send([1, 2, 3])
            #expect(try first.socket.receive(exactly: 3) == [1, 2, 3])
            let users = try api.ask("GET", "/users").object["users"] as? [[String: Any]]
            #expect(users?.first?["user"] as? String == "alice")
            #expect(users?.first?["uplink_bytes"] as? Int == 3)
            let shown = try api.ask("GET", "/config/services/socks")
            let status = try #require(shown.data["status"] as? [String: Any])
            let stats = try #require(status["stats"] as? [String: Any])
            #expect(stats["currentConns"] as? Int == 1)
            #expect(stats["inputBytes"] as? Int == 3)
            #expect((status["events"] as? [[String: Any]])?.count == 3)
            let quota = try #require((status["quotas"] as? [[String: Any]])?.first)
            #expect(quota["key"] as? String == "user:alice" && quota["limit"] as? Int == 30_720)
            let object = try JSONSerialization.data(withJSONObject: shown.data)
            let back = try api.ask(
                "PUT", "/config/services/socks", String(decoding: object, as: UTF8.self))
            #expect(back.status == 200, "\(back)")
            #expect(!api.gateway.log.contains("'status'"))
            // Until nothing is left.
            _ = try? first.socket.send([UInt8](repeating: 7, count: 60_000))
            _ = try? first.socket.receiveToEnd()
            #expect(try eventually { try client() == nil })
            let reset = try api.ask("POST", "/config/quotas/q/reset")
            #expect(reset.object["msg"] as? String == "OK", "\(reset)")
            #expect(try client() != nil)
            #expect(try api.ask("POST", "/config/quotas/none/reset").code == 40004)
            try api.gateway.restart()
            #expect(try client() != nil, "the store has forgotten it as well")
            let page = try api.ask("GET", "/docs")
            #expect(page.head.contains("text/html") && page.body.contains("POST /config/reload"))
        }
    }

    @Test func `programs and pages that are named may ask, others may not`() throws {
        let token = "0123456789abcdef0123"
        let more =
            ", token: \(token), allowedOrigins: [ \"https://panel.example\","
            + " \"http://localhost:8000\" ], trustedProxies: [ 127.0.0.1 ]"
        try Operator.run(.socks(), more) { api in
            func get(_ fields: String...) throws -> Operator.Answer {
                try api.ask("GET", "/flows", nil, fields.flatMap { ["-H", $0] })
            }
            let bearer = "Authorization: Bearer \(token)"
            #expect(try get(bearer).status == 200)
            #expect(try get("Authorization: Bearer \(token)x").status == 401)
            #expect(try get().status == 401)
            for origin in ["https://panel.example", "http://localhost:8000"] {
                let answer = try get(bearer, "Origin: \(origin)")
                #expect(answer.status == 200)
                #expect(answer.head.contains("access-control-allow-origin: \(origin)"))
            }
            let evil = try get(bearer, "Origin: https://evil.example")
            #expect(evil.status == 403 && !evil.head.contains("access-control-allow"))
            let preflight = try api.ask(
                "OPTIONS", "/flows", nil,
                [
                    "-H", "Origin: https://panel.example", "-H",
                    "Access-Control-Request-Method: DELETE",
                ])
            #expect(preflight.status == 204)
            #expect(preflight.head.contains("access-control-allow-methods: delete"))
            _ = try get(bearer, "X-Forwarded-For: 198.51.100.7")
            #expect(eventually { api.gateway.log.contains("198.51.100.7") })
            #expect(!api.gateway.log.contains(token))
        }
    }

    @Test func `an edit and a reload at the same time take nothing back`() throws {
        var text = GatewayText.socks()
        text.more = "limiters: [ { name: l, limits: [ \"$ 1MB\" ] } ]\n"
        try Operator.run(text) { api in
            for round in 2...12 {
                let yaml = try String(contentsOfFile: api.gateway.file, encoding: .utf8)
                try yaml.replacing("\"$ \(round - 1)MB\"", with: "\"$ \(round)MB\"")
                    .write(toFile: api.gateway.file, atomically: true, encoding: .utf8)
                api.gateway.process.signal(SIGHUP)
                // One of the two comes first; the file's limiter holds in either case.
                let hop =
                    "{\"name\":\"h\(round)\",\"nodes\":[{\"name\":\"n\",\"addr\":\"[::1]:9\"}]}"
                #expect(try api.ask("POST", "/config/hops", hop).status == 200)
                let isThere = try eventually {
                    let data = try api.ask("GET", "/config/limiters/l").data
                    return data["limits"] as? [String] == ["$ \(round)MB"]
                }
                #expect(isThere)
            }
            #expect(try api.ask("POST", "/config/reload").status == 200)
            #expect(try api.ask("GET", "/config/hops").data["count"] as? Int == 0)
        }
    }
}

import Foundation
import Testing

/// A gateway with an API and metrics, asked by curl.
private struct Operators {
    let gateway: Gateway
    let api: String
    let metrics: String

    /// Runs with a gateway whose `api:` has `more` keys.
    static func run(
        _ more: String = "", text: GatewayText = .socks(), _ body: (Operators) throws -> Void
    ) throws {
        var text = text
        let (api, metrics) = (try Ports.free(), try Ports.free())
        text.more +=
            "api: { addr: \"127.0.0.1:\(api)\"\(more) }\n"
            + "metrics: { addr: \"127.0.0.1:\(metrics)\" }\n"
        try withGateway(text) {
            try body(
                Operators(
                    gateway: $0, api: "http://127.0.0.1:\(api)",
                    metrics: "http://127.0.0.1:\(metrics)/metrics"))
        }
    }

    struct Answer {
        let status: Int
        let type: String
        let body: String

        /// The body as JSON.
        var object: [String: Any] {
            let value = try? JSONSerialization.jsonObject(with: Data(body.utf8))
            return value as? [String: Any] ?? [:]
        }
    }

    func ask(_ method: String, _ url: String, _ body: String? = nil, _ more: [String] = []) throws
        -> Answer
    {
        let data = body.map { ["-d", $0, "-H", "Content-Type: application/json"] } ?? []
        let arguments =
            ["curl", "-sS", "-X", method, "-w", "\n%{http_code} %{content_type}", url] + data
        let result = try IntegrationTests.run(arguments + more, in: gateway.folder, within: 30)
        guard result.isSuccess else { throw HarnessFailure("curl: \(result)") }
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        let words = (lines.last ?? "").split(separator: " ", maxSplits: 1).map(String.init)
        return Answer(
            status: Int(words.first ?? "") ?? 0, type: words.count > 1 ? words[1] : "",
            body: lines.dropLast().joined(separator: "\n"))
    }

    func get(_ path: String) throws -> Answer { try ask("GET", api + path) }
}

@Suite("The API and the metrics, as operators' tools use them", .ownThread)
struct APITests {
    @Test func `the configuration is shown in gost's shapes`() throws {
        try Operators.run { operators in
            let json = try operators.get("/config")
            #expect(json.status == 200)
            #expect(json.type == "application/json")
            #expect((json.object["services"] as? [Any])?.count == 1)
            let yaml = try operators.get("/config?format=yaml")
            #expect(yaml.type == "text/x-yaml")
            #expect(yaml.body.hasPrefix("services:\n"))
            let list = try operators.get("/config/services")
            #expect(list.type == "application/json; charset=utf-8")
            let data = try #require(list.object["data"] as? [String: Any])
            #expect(data["count"] as? Int == 1)
            let none = try operators.get("/config/chains")
            let empty = try #require(none.object["data"] as? [String: Any])
            #expect(empty["count"] as? Int == 0)
            #expect(empty["list"] is NSNull)
            let missing = try operators.get("/config/services/none")
            #expect(missing.status == 200)
            #expect(missing.object["data"] is NSNull)
            let nothing = try operators.get("/nothing")
            #expect(nothing.status == 404)
            #expect(nothing.body == "404 page not found")
        }
    }

    @Test func `objects are made, replaced and removed with gost's codes`() throws {
        try Operators.run { operators in
            let (port, other) = (try Ports.free(), try Ports.free())
            func service(_ port: UInt16, _ more: String = "") -> String {
                "{\"name\":\"two\",\"addr\":\"127.0.0.1:\(port)\",\"handler\":{\"type\":\"socks5\"}"
                    + ",\"listener\":{\"type\":\"tcp\"}\(more)}"
            }
            let url = operators.api + "/config/services"
            let made = try operators.ask("POST", url, service(port))
            #expect(made.status == 200)
            #expect(made.object["msg"] as? String == "OK", "\(made)")
            #expect(try SOCKSClient(Address("127.0.0.1", port)).greet([0]) == 0)
            let again = try operators.ask("POST", url, service(port))
            #expect(again.status == 400)
            #expect(again.object["code"] as? Int == 40002)
            #expect(again.object["msg"] as? String == "service two already exists")
            for (body, code, status) in [
                ("{\"addr\":\":1\"}", 40001, 400), ("{bad", 40001, 400),
                (service(other, ",\"x\":1").replacing("two", with: "x"), 40003, 500),
                (service(port).replacing("two", with: "three"), 40003, 500),
                (
                    service(other, ",\"metadata\":{\"preUp\":\"id\"}").replacing("two", with: "x"),
                    40001, 400
                ),
            ] {
                let answer = try operators.ask("POST", url, body)
                #expect(answer.status == status, "\(answer)")
                #expect(answer.object["code"] as? Int == code, "\(answer)")
            }
            let moved = try operators.ask("PUT", url + "/two", service(other))
            #expect(moved.status == 200, "\(moved)")
            #expect(try SOCKSClient(Address("127.0.0.1", other)).greet([0]) == 0)
            let absent = try operators.ask("PUT", url + "/none", service(other))
            #expect(absent.object["code"] as? Int == 40004)
            #expect(try operators.ask("DELETE", url + "/two").status == 200)
            #expect(try operators.ask("DELETE", url + "/two").object["code"] as? Int == 40004)
            #expect(throws: (any Error).self) { try SOCKSClient(Address("127.0.0.1", other)) }
            // The file is what counts after a reload.
            let reloaded = try operators.ask("POST", operators.api + "/config/reload")
            #expect(reloaded.object["msg"] as? String == "OK", "\(reloaded)")
        }
    }

    @Test func `flows are listed and cut`() throws {
        let origin = try TCPOrigin.echo()
        try Operators.run(text: .socks(isClosed: true)) { operators in
            func open(_ user: String) throws -> SOCKSClient {
                let client = try SOCKSClient(operators.gateway.address, user: user)
                #expect(try client.request(.connect, origin.address).code == 0)
                try client.socket.send([1, 2, 3])
                #expect(try client.socket.receive(exactly: 3) == [1, 2, 3])
                return client
            }
            let (alice, bob, second) = (try open("alice"), try open("bob"), try open("alice"))
            func flows(_ query: String = "") throws -> [[String: Any]] {
                try operators.get("/flows" + query).object["flows"] as? [[String: Any]] ?? []
            }
            #expect(try flows().count == 3)
            #expect(try flows("?user=alice&service=socks").count == 2)
            #expect(try flows("?service=other").count == 0)
            let flow = try #require(try flows("?user=bob").first)
            #expect(flow["uplink_bytes"] as? Int == 3)
            let id = try #require(flow["flow"] as? String)
            #expect(try operators.ask("DELETE", operators.api + "/flows/\(id)").status == 200)
            #expect(try operators.ask("DELETE", operators.api + "/flows/\(id)").status == 404)
            let cut = try operators.ask("DELETE", operators.api + "/users/alice/flows")
            #expect(cut.object["flows"] as? Int == 2)
            #expect(try flows().isEmpty)
            for client in [alice, bob, second] { client.socket.close() }
            let records = try operators.gateway.records(3)
            #expect(records.allSatisfy { $0.uplinkBytes == 3 })
        }
    }

    @Test func `who must log in is asked, and sees what others do not`() throws {
        let auth = ", auth: { username: op, password: pw-of-op }, pathPrefix: /api"
        try Operators.run(auth, text: .socks(isClosed: true)) { operators in
            let url = operators.api + "/api/config/authers/users"
            #expect(try operators.ask("GET", url).status == 401)
            #expect(try operators.ask("GET", url, nil, ["-u", "op:wrong"]).status == 401)
            let shown = try operators.ask("GET", url, nil, ["-u", "op:pw-of-op"])
            #expect(shown.body.contains("pw-of-alice"))
            #expect(try operators.get("/config").status == 401)
        }
        try Operators.run(text: .socks(isClosed: true)) { operators in
            let shown = try operators.get("/config/authers/users")
            #expect(shown.body.contains("alice"))
            #expect(!shown.body.contains("pw-of"))
            let masked = try operators.ask(
                "PUT", operators.api + "/config/authers/users",
                "{\"name\":\"users\",\"auths\":[{\"username\":\"alice\","
                    + "\"password\":\"********\"}]}"
            )
            #expect(masked.object["code"] as? Int == 40001)
        }
    }

    @Test func `foreign pages and names are not answered`() throws {
        try Operators.run { operators in
            let url = operators.api + "/config"
            #expect(try operators.ask("GET", url, nil, ["-H", "Host: evil.example"]).status == 403)
            let page = try operators.ask("GET", url, nil, ["-H", "Origin: http://evil.example"])
            #expect(page.status == 403)
        }
    }

    @Test func `nobody reaches the API through the gateway`() throws {
        try Operators.run { operators in
            let port = try #require(UInt16(operators.api.split(separator: ":").last ?? ""))
            let client = try SOCKSClient(operators.gateway.address, user: nil)
            #expect(try client.request(.connect, Address("127.0.0.1", port)).code == 2)
        }
    }

    @Test func `metrics are what Prometheus reads, and agree with the flows`() throws {
        let origin = try TCPOrigin.echo()
        try Operators.run { operators in
            var clients: [SOCKSClient] = []
            for count in [3, 5] {
                let client = try SOCKSClient(operators.gateway.address, user: nil)
                #expect(try client.request(.connect, origin.address).code == 0)
                let bytes = [UInt8](repeating: 7, count: count)
                try client.socket.send(bytes)
                #expect(try client.socket.receive(exactly: count) == bytes)
                clients.append(client)
                if count == 3 { client.socket.close() }
            }
            _ = try operators.gateway.records(1)
            let result = try IntegrationTests.run(
                [
                    Tools.python, Tools.script("read_metrics.py"), operators.metrics,
                    "gost_services=1", "gost_service_requests_total{service=socks}=2",
                    "gost_service_transfer_input_bytes_total{service=socks}=8",
                    "gost_service_transfer_output_bytes_total{service=socks}=8",
                    "gost_service_request_duration_seconds_count{service=socks}=1",
                    "weir_flows_total{service=socks,protocol=tcp}=2",
                    "weir_flow_ends_total{cause=finished}=1",
                ], in: operators.gateway.folder, within: 30)
            #expect(result.isSuccess, "\(result)")
            for client in clients { client.socket.close() }
        }
    }

    @Test func `a Unix socket serves as well`() throws {
        var text = GatewayText.socks()
        let folder = try TemporaryFolder()
        text.more = "api: { addr: \"unix://\(folder.root)/api.sock\" }\n"
        try withGateway(text, folder: folder) { gateway in
            let result = try IntegrationTests.run(
                [
                    "curl", "-sS", "--unix-socket", "\(folder.root)/api.sock",
                    "http://localhost/flows",
                ],
                in: folder, within: 30)
            #expect(result.output == "{\"flows\":[]}", "\(result)")
        }
    }
}

import Codecs
import HTTPService
import Model
import PluginKit
import Testing

@Suite("Who may ask the control plane")
struct HTTPAccessTests {
    private func status(_ bench: HTTPBench, _ fields: String, host: String = "localhost") throws
        -> UInt16?
    {
        try bench.ask("GET / HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n").statuses.first
    }

    @Test(arguments: [
        ("localhost:18080", 200), ("127.0.0.1:18080", 200), ("[::1]", 200), ("LOCALHOST", 200),
        ("evil.example", 403), ("localhost.evil.example:18080", 403),
    ])
    func `without a login, only addresses and localhost are answered`(
        host: String, status: UInt16
    ) throws {
        let found = try self.status(try HTTPBench(), "", host: host)
        #expect(found == status)
    }

    @Test(arguments: [
        ("Origin: http://localhost\r\n", 200), ("Origin: http://evil.example\r\n", 403),
        ("Origin: null\r\n", 403), ("", 200),
    ])
    func `other web pages are not answered`(fields: String, status: UInt16) throws {
        let found = try self.status(try HTTPBench(), fields)
        #expect(found == status)
    }

    @Test func `pages are answered where that is asked for`() throws {
        let bench = try HTTPBench { $0.allowedOrigins = ["https://panel.example"] }
        let answers = try bench.ask(
            "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://panel.example\r\n"
                + "Access-Control-Request-Method: DELETE\r\n\r\n"
                + "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://panel.example\r\n\r\n")
        #expect(answers.statuses == [204, 200])
        #expect(
            answers.all.map { $0.head.fields.text("access-control-allow-origin") }
                == ["https://panel.example", "https://panel.example"])
        let other = try status(bench, "Origin: https://other.example\r\n")
        #expect(other == 403)
    }

    @Test(arguments: [
        ("", 401), ("Authorization: Basic dTpw\r\n", 200), ("authorization: basic dTpw\r\n", 200),
        ("Authorization: Basic dTpx\r\n", 401), ("Authorization: Basic !\r\n", 401),
        ("Authorization: Bearer token\r\n", 200), ("Authorization: Bearer\r\n", 401),
        ("Authorization: Digest x\r\n", 401),
        ("Authorization: Basic dTpw\r\nAuthorization: Basic dTpw\r\n", 401),
    ])
    func `credentials are asked for on every request`(fields: String, status: UInt16) throws {
        let bench = try HTTPBench { site in
            site.login = { credentials, _ in
                switch credentials {
                case .basic(user: "u", password: "p"): "u"
                case .bearer(token: "token"): "t"
                case .basic, .bearer: nil
                }
            }
        }
        let answers = try bench.ask(
            "GET / HTTP/1.1\r\nHost: any.example\r\n\(fields)\r\n"
                + "GET / HTTP/1.1\r\nHost: any.example\r\n\r\n")
        #expect(answers.statuses == [status, 401])
        let challenge = answers.all.last?.head.fields.text("www-authenticate")
        #expect(challenge?.hasPrefix("Basic realm=") == true)
    }

    @Test func `a route may check for itself`() throws {
        let bench = try HTTPBench([
            (Route(path: "/hook", access: .own), { _ in RouteResponse(status: 200, text: "hook") }),
            HTTPBench.echo,
        ]) { $0.login = { _, _ in nil } }
        let answers = try bench.ask(HTTPServerTests.get("/hook") + HTTPServerTests.get("/a"))
        #expect(answers.statuses == [200, 401])
    }

    @Test(arguments: [
        ("10.0.0.9", "X-Forwarded-For: 203.0.113.5\r\n", "203.0.113.5"),
        ("10.0.0.9", "X-Forwarded-For: 1.2.3.4, 203.0.113.5, 10.0.0.8\r\n", "203.0.113.5"),
        ("10.0.0.9", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 203.0.113.5\r\n", "203.0.113.5"),
        ("10.0.0.9", "X-Forwarded-For: nonsense\r\n", "10.0.0.9"),
        ("10.0.0.9", "", "10.0.0.9"), ("127.0.0.1", "X-Forwarded-For: 1.2.3.4\r\n", "127.0.0.1"),
    ])
    func `only trusted proxies name their client`(
        peer: String, fields: String, client: String
    ) throws {
        let bench = try HTTPBench([
            (
                Route(path: "/"),
                { RouteResponse(status: 200, text: $0.client.address.description) }
            )
        ]) { site in
            site.trustedProxies = [IPPrefix("10.0.0.0/8")].compactMap { $0 }
        }
        let answers = try bench.ask(HTTPServerTests.get("/", fields), from: peer)
        #expect(answers.bodies == [client])
    }

    @Test func `each request is a line where that is asked for, without secrets`() throws {
        let bench = try HTTPBench {
            $0.logsAccess = true
            $0.login = { _, _ in "u" }
        }
        _ = try bench.ask(
            HTTPServerTests.get("/a?token=secret", "Authorization: Basic dTpzZWNyZXQ=\r\n"))
        #expect(bench.lines.count == 1)
        #expect(bench.lines.first?.contains("path=/a\"") == true)
        #expect(bench.lines.first?.contains("secret") == false)
    }

    @Test func `moments are written as the RFC has them`() {
        #expect(HTTPDate.text(milliseconds: 784_111_777_000) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(milliseconds: 0) == "Thu, 01 Jan 1970 00:00:00 GMT")
    }
}

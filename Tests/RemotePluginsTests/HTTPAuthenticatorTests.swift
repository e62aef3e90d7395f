import HTTPClient
import Model
import PluginKit
import RemotePlugins
import Synchronization
import Testing

@Suite("Logins asked of a plugin's server")
struct HTTPAuthenticatorTests {
    /// Gives the answers of a script, one after another, the last one for ever.
    private final class Script: HTTPSender {
        private let answers: Mutex<[Result<HTTPResponse, HTTPFault>]>
        private let asked = Mutex<[HTTPRequest]>([])

        init(_ answers: [Result<HTTPResponse, HTTPFault>]) { self.answers = Mutex(answers) }

        var requests: [HTTPRequest] { asked.withLock { $0 } }

        func send(_ request: HTTPRequest) async throws(HTTPFault) -> HTTPResponse {
            asked.withLock { $0.append(request) }
            let answer = answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
            return try answer.get()
        }

        func stop() {}
    }

    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private let lines = Lines()

    private static func says(_ text: String, status: Int = 200) -> Result<HTTPResponse, HTTPFault> {
        .success(HTTPResponse(status: status, body: Array(text.utf8)))
    }

    private func authenticator(_ script: Script) throws -> HTTPAuthenticator {
        let lines = lines
        let facts = PluginServer.Facts(
            kind: "auther", name: "panel",
            address: try #require(HTTPAddress("http://u:p@127.0.0.1:8000/auth?key=k")),
            token: "t0ken", timeoutMilliseconds: 1234, trust: HTTPRequest.Trust())
        return HTTPAuthenticator(
            PluginServer(facts, sender: script) { level, event, fields in
                let values = fields.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
                lines.add("\(level.name) \(event) \(values)")
            })
    }

    private func answer(_ result: Result<HTTPResponse, HTTPFault>) async throws
        -> AuthenticationAnswer
    {
        try await authenticator(Script([result])).authenticate(try attempt())
    }

    private func attempt() throws -> AuthenticationAttempt {
        AuthenticationAttempt(
            service: "svc", client: try #require(Endpoint("127.0.0.1:46202")), username: "bob",
            password: "se\"cret")
    }

    @Test func `the question is gost's, with the token`() async throws {
        let script = Script([Self.says(#"{"ok":true}"#)])
        _ = try await authenticator(script).authenticate(try attempt())
        let request = try #require(script.requests.first)
        #expect(
            String(decoding: request.body, as: UTF8.self)
                == #"{"service":"svc","username":"bob","password":"se\"cret","#
                + #""client":"127.0.0.1:46202"}"#)
        #expect(request.contentType == "application/json" && request.token == "t0ken")
        #expect(request.method == .post && request.timeoutMilliseconds == 1234)
    }

    @Test(arguments: [
        (#"{"ok":true,"id":"alice"}"#, AuthenticationAnswer.accepted(user: "alice")),
        (#"{"ok":true}"#, .accepted(user: "bob")),
        (#"{"ok":true,"id":""}"#, .accepted(user: "bob")),
        (#" {"id":null,"ok":true,"more":[1]} "#, .accepted(user: "bob")),
        (#"{"ok":false}"#, .unknownUser), (#"{"ok":false,"id":"alice"}"#, .unknownUser),
    ])
    func `an answer that makes sense decides`(
        text: String, expected: AuthenticationAnswer
    ) async throws {
        #expect(try await answer(Self.says(text)) == expected)
        #expect(lines.all.isEmpty)
    }

    @Test(arguments: [
        "", "ok", "true", "{}", #"{"ok":1}"#, #"{"ok":"true"}"#, #"{"ok":null}"#, #"[{"ok":true}]"#,
        #"{"ok":true}{"ok":true}"#, #"{"ok":true,"ok":true}"#, #"{"ok":true"#,
        #"{"ok":true,"id":7}"#, #"{"ok":true,"id":"a\nb"}"#, #"{"ok":true,"id":"\u0000"}"#,
        "{\"ok\":true,\"id\":\"" + String(repeating: "x", count: 256) + "\"}",
    ])
    func `anything else refuses`(text: String) async throws {
        #expect(try await answer(Self.says(text)) == .refused)
        #expect(lines.all.count == 1)
        #expect(lines.all.first?.contains("error=the answer must be {\"ok\":true") == true)
    }

    @Test(arguments: [199, 201, 204, 301, 400, 401, 500])
    func `only status 200 lets anybody in`(status: Int) async throws {
        #expect(try await answer(Self.says(#"{"ok":true}"#, status: status)) == .refused)
    }

    @Test(arguments: [
        HTTPFault.timedOut, .unreachable("x"), .untrusted("x"), .tooLarge, .broken("x"),
        .overloaded,
        .stopped,
    ])
    func `no answer refuses`(fault: HTTPFault) async throws {
        #expect(try await answer(.failure(fault)) == .refused)
    }

    @Test func `trouble is said once, its end too, and no secret in it`() async throws {
        let good = Self.says(#"{"ok":true}"#)
        let script = Script([
            good, .failure(.timedOut), Self.says("x"), .failure(.timedOut), good, good,
            Self.says("", status: 500),
        ])
        let authenticator = try authenticator(script)
        for _ in 0..<8 { _ = await authenticator.authenticate(try attempt()) }
        let place = "auther=panel server=http://127.0.0.1:8000/auth?…"
        #expect(
            lines.all == [
                "error a plugin's server fails \(place) error=no whole answer in time",
                "info a plugin's server works again \(place)",
                "error a plugin's server fails \(place) error=status 500 instead of 200",
            ])
    }
}

import HTTPClient
import LinuxIO
import Model
import Testing

@Suite("Requests to servers of the control plane", .timeLimit(.minutes(5)))
struct CurlSenderTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"

    /// Sends one request to a server that behaves in one way, and what came of it.
    private func ask(
        _ manner: ScriptedServer.Manner, milliseconds: Int = 5000,
        _ change: (inout HTTPRequest) -> Void = { _ in }
    ) async throws -> (Result<HTTPResponse, HTTPFault>, [String]) {
        let server = try ScriptedServer(manner)
        defer { server.stop() }
        let sender = try CurlSender()
        defer { sender.stop() }
        let address = try #require(HTTPAddress("http://127.0.0.1:\(server.port)/plugin?k=v"))
        var request = HTTPRequest(
            .post, address, contentType: "application/json", body: Array("{\"a\":1}".utf8),
            timeoutMilliseconds: milliseconds)
        change(&request)
        let result = await Self.result(sender, request)
        return (result, server.requests)
    }

    private static func result(
        _ sender: CurlSender, _ request: HTTPRequest
    ) async -> Result<HTTPResponse, HTTPFault> {
        do throws(HTTPFault) {
            return .success(try await sender.send(request))
        } catch {
            return .failure(error)
        }
    }

    @Test func `a request arrives whole, and so does the answer`() async throws {
        let (result, requests) = try await ask(.sends(Self.ok)) { $0.token = "t0ken" }
        #expect(try result.get() == HTTPResponse(status: 200, body: Array("{\"ok\":true}".utf8)))
        let request = try #require(requests.first)
        #expect(request.hasPrefix("POST /plugin?k=v HTTP/1.1\r\n"))
        #expect(request.hasSuffix("\r\n\r\n{\"a\":1}"))
        let fields = request.split(separator: "\r\n")
        #expect(fields.contains("Content-Type: application/json"))
        #expect(fields.contains("Authorization: Bearer t0ken"))
        #expect(!request.contains("Expect"))
    }

    @Test func `a body may be empty or large, and a request may have none`() async throws {
        for count in [0, 1 << 20] {
            let (result, requests) = try await ask(.sends(Self.ok)) {
                $0.body = [UInt8](repeating: 0x61, count: count)
            }
            #expect(try result.get().status == 200)
            #expect(requests.first?.contains("\r\nContent-Length: \(count)\r\n") == true)
        }
        let (result, requests) = try await ask(.sends(Self.ok)) { request in
            request = HTTPRequest(.get, request.address, timeoutMilliseconds: 5000)
        }
        #expect(try result.get().status == 200)
        #expect(requests.first?.hasPrefix("GET /plugin?k=v HTTP/1.1\r\n") == true)
    }

    @Test func `every status is an answer, and no redirection is followed`() async throws {
        let (result, requests) = try await ask(
            .sends("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"))
        #expect(try result.get().status == 302)
        #expect(requests.count == 1)
    }

    @Test(arguments: [
        ScriptedServer.Manner.sendsAndHangs(""),
        .sendsAndHangs("HTTP/1.1 200 OK\r\n"),
        .sendsAndHangs("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"ok\""),
    ])
    func `a server that hangs is given up`(manner: ScriptedServer.Manner) async throws {
        let (result, _) = try await ask(manner, milliseconds: 200)
        #expect(result == .failure(.timedOut))
    }

    @Test(arguments: ["", "SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"ok\""])
    func `what is no HTTP, or ends early, is no answer`(text: String) async throws {
        let (result, _) = try await ask(.sends(text))
        guard case .failure(.broken(let reason)) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(!reason.isEmpty)
    }

    @Test func `an answer without end is cut off`() async throws {
        let flood = String(repeating: "x", count: 10_000)
        let (result, _) = try await ask(.floods("HTTP/1.1 200 OK\r\n\r\n", flood))
        #expect(result == .failure(.tooLarge))
        let (heads, _) = try await ask(.floods("HTTP/1.1 200 OK\r\n", "X-\(flood): y\r\n"))
        guard case .failure(.broken) = heads else {
            Issue.record("\(heads)")
            return
        }
    }

    @Test func `nobody there is said at once`() async throws {
        let server = try ScriptedServer(.sends(""))
        server.stop()
        let sender = try CurlSender()
        defer { sender.stop() }
        for text in ["http://127.0.0.1:1/", "http://no-such-name.invalid/"] {
            let address = try #require(HTTPAddress(text))
            let result = await Self.result(
                sender, HTTPRequest(.get, address, timeoutMilliseconds: 10_000))
            guard case .failure(.unreachable) = result else {
                Issue.record("\(text): \(result)")
                continue
            }
        }
    }

    @Test func `many requests run beside each other, and one that hangs holds up none`()
        async throws
    {
        let server = try ScriptedServer(.sends(Self.ok))
        let hanging = try ScriptedServer(.sendsAndHangs(""))
        let sender = try CurlSender()
        defer {
            for server in [server, hanging] { server.stop() }
            sender.stop()
        }
        let address = try #require(HTTPAddress("http://127.0.0.1:\(server.port)/"))
        let mute = try #require(HTTPAddress("http://127.0.0.1:\(hanging.port)/"))
        await withTaskGroup(of: Bool.self) { group in
            for index in 0..<60 {
                group.addTask {
                    let isMute = index % 20 == 0
                    let result = await Self.result(
                        sender,
                        HTTPRequest(
                            .post, isMute ? mute : address, body: [1],
                            timeoutMilliseconds: isMute ? 2000 : 20_000))
                    return isMute
                        ? result == .failure(.timedOut) : (try? result.get().status) == 200
                }
            }
            for await isRight in group { #expect(isRight) }
        }
        #expect(server.requests.count == 57)
    }

    @Test func `a stop fails what runs and what comes`() async throws {
        let server = try ScriptedServer(.sendsAndHangs(""))
        defer { server.stop() }
        let sender = try CurlSender()
        let address = try #require(HTTPAddress("http://127.0.0.1:\(server.port)/"))
        let request = HTTPRequest(.get, address, timeoutMilliseconds: 50_000)
        async let running = Self.result(sender, request)
        while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        sender.stop()
        #expect(await running == .failure(.stopped))
        #expect(await Self.result(sender, request) == .failure(.stopped))
    }
}

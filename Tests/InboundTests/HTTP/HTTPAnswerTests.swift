import Inbound
import KernelTesting
import Model
import Testing

@Suite("HTTP tunnels, logins and our own answers", .timeLimit(.minutes(5)))
struct HTTPAnswerTests {
    private let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    private let alice = "Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n"

    // MARK: CONNECT

    private func connect(_ fields: String = "") -> String {
        "CONNECT origin.example:80 HTTP/1.1\r\nHost: origin.example:80\r\n\(fields)\r\n"
    }

    @Test func `CONNECT opens a tunnel in gost's words, and early bytes are kept`() throws {
        let bench = try HTTPBench { stream, _ in stream.send("pong") }
        let client = try bench.client()
        let early = String(repeating: "ping", count: 5000)
        let reply = "HTTP/1.1 200 Connection established\r\nProxy-Agent: gost/3.0\r\n\r\n"
        let answer = bench.exchange(client, connect() + early)
        #expect(answer.hasPrefix(reply + "pong"))
        #expect(bench.received() == early)
        client.finish()
        bench.origin.connections[0].finish()
        bench.run(milliseconds: 1000)
        let flow = try #require(bench.bench.closed.first)
        #expect(flow.counts.uplinkBytes == UInt64(early.utf8.count))
        #expect(flow.counts.downlinkBytes == UInt64(client.received.count - reply.utf8.count))
        #expect(flow.counts.overheadUplinkBytes == UInt64(connect().utf8.count))
        #expect(flow.counts.overheadDownlinkBytes == UInt64(reply.utf8.count))
        bench.finish(client)
    }

    @Test func `a tunnel may follow requests on the same connection`() throws {
        let bench = try HTTPBench(answering: hello)
        let client = try bench.client()
        _ = bench.exchange(client, HTTPBench.get())
        #expect(bench.exchange(client, connect()).hasPrefix("HTTP/1.1 200 Connection established"))
        #expect(bench.origin.connections.count == 2)
        #expect(bench.bench.opened.count == 2)
        bench.finish(client)
    }

    @Test(arguments: [
        ("HTTP/1.0", "CONNECT origin.example:80 HTTP/1.0\r\n\r\n", "200 Connection established"),
        ("no port", "CONNECT origin.example HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"),
        (
            "content",
            "CONNECT origin.example:80 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
            "400 Bad Request"
        ),
        ("no target", "CONNECT  HTTP/1.1\r\nHost: \r\n\r\n", "400 Bad Request"),
        ("two Hosts", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400 Bad Request"),
    ])
    func `forms of CONNECT`(name: String, request: String, answer: String) throws {
        let bench = try HTTPBench(answering: "")
        let client = try bench.client()
        #expect(bench.exchange(client, request).firstLine == "HTTP/1.1 " + answer)
        bench.finish(client)
    }

    // MARK: Logins

    @Test func `a login is asked for with every request`() throws {
        let bench = try HTTPBench(answering: hello, authers: ["alice": "secret"])
        let client = try bench.client()
        let refusal = bench.exchange(client, HTTPBench.get())
        #expect(refusal.firstLine == "HTTP/1.1 407 Proxy Authentication Required")
        #expect(refusal.contains("\r\nProxy-Authenticate: Basic realm=\"gost\"\r\n"))
        #expect(refusal.contains("\r\nProxy-Status: weir; error=http_request_denied\r\n"))
        #expect(bench.exchange(client, HTTPBench.get("/", alice)).hasSuffix("hello"))
        #expect(bench.exchange(client, HTTPBench.get()).contains(" 407 "), "gost lets it through")
        let wrong = "Proxy-Authorization: Basic YWxpY2U6bm8=\r\n"
        #expect(bench.exchange(client, HTTPBench.get("/", wrong)).contains(" 407 "))
        #expect(bench.exchange(client, HTTPBench.get("/", alice)).hasSuffix("hello"))
        #expect(bench.bench.closed.allSatisfy { $0.flow.user == "alice" })
        bench.finish(client)
    }

    @Test(arguments: [
        "Basic", "Basic ", "Bearer YWxpY2U6c2VjcmV0", "Basic YWxpY2U6c2Vj!", "Basic YWxpY2U=",
        "Basic /////w==", "Basic YWxpY2U6c2VjcmV0 x", "Digest username=alice",
    ])
    func `malformed credentials are none`(field: String) throws {
        let bench = try HTTPBench(answering: hello, authers: ["alice": "secret"])
        let client = try bench.client()
        let answer = bench.exchange(
            client, HTTPBench.get("/", "Proxy-Authorization: \(field)\r\n"))
        #expect(answer.contains(" 407 "))
        bench.finish(client)
    }

    @Test func `refused content is not read, and the refusal arrives`() throws {
        let bench = try HTTPBench(answering: hello, authers: ["alice": "secret"])
        let client = try bench.client()
        let answer = bench.exchange(
            client,
            "POST http://origin.example/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
                + String(repeating: "x", count: 100_000))
        #expect(answer.firstLine.contains("407"))
        #expect(answer.contains("\r\nConnection: close\r\n"))
        #expect(client.hasEnded && client.error == nil)
        bench.finish(client)
    }

    // MARK: Errors

    /// A request that fails, and how.
    struct Failure: Sendable, CustomTestStringConvertible {
        let host: String
        let status: Int
        let error: String
        var testDescription: String { "\(host) \(status)" }
    }

    @Test(
        arguments: [
            Failure(host: "203.0.113.70:81", status: 502, error: "connection_refused"),
            Failure(host: "203.0.113.60", status: 502, error: "destination_ip_unroutable"),
            Failure(host: "203.0.113.61", status: 502, error: "destination_ip_unroutable"),
            Failure(host: "203.0.113.62", status: 504, error: "connection_timeout"),
            Failure(host: "nobody.example", status: 502, error: "dns_error"),
            Failure(host: "203.0.113.80", status: 403, error: "http_request_denied"),
        ], [false, true])
    func `each failure has its own answer`(failure: Failure, isTunnel: Bool) throws {
        let bench = try HTTPBench(
            answering: hello,
            service: { $0.forbidden = [IPAddress(v4: 0xcb00_7150)] })
        for (text, route) in [
            ("203.0.113.60", SimulatedKernel.Route.missing), ("203.0.113.61", .unreachable),
            ("203.0.113.62", .silent),
        ] {
            if let address = IPAddress(text) {
                bench.bench.simulation.kernel.routes[address] = route
            }
        }
        let client = try bench.client()
        let host = failure.host.contains(":") ? failure.host : failure.host + ":80"
        let request =
            isTunnel
            ? "CONNECT \(host) HTTP/1.1\r\nHost: a\r\n\r\n"
            : "GET http://\(host)/ HTTP/1.1\r\nHost: a\r\n\r\n"
        let answer = bench.exchange(client, request, milliseconds: 15_000)
        #expect(answer.hasPrefix("HTTP/1.1 \(failure.status) "))
        #expect(answer.contains("\r\nProxy-Status: weir; error=\(failure.error)\r\n"))
        #expect(answer.contains("\r\n\r\n\(failure.status) "))
        #expect(bench.bench.opened.isEmpty)
        #expect(client.hasEnded == isTunnel)
        bench.finish(client)
    }

    @Test(arguments: [
        ("origin form", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("https", "GET https://origin.example/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("TLS", "\u{16}\u{03}\u{01}garbage\r\n\r\n", 400),
        ("no Host", "GET http://origin.example/ HTTP/1.1\r\n\r\n", 400),
        ("a long target", "GET http://a/" + String(repeating: "a", count: 20_000), 414),
        (
            "a long head",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\nA: " + String(repeating: "a", count: 70_000), 431
        ),
        (
            "an unknown coding",
            "POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501
        ),
        ("OPTIONS of ourselves", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ])
    func `what is no request for a proxy is answered`(
        name: String, request: String, status: Int
    ) throws {
        let bench = try HTTPBench(answering: hello)
        let client = try bench.client()
        let answer = bench.exchange(client, request)
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
        #expect(client.error == nil)
        bench.finish(client)
    }

    @Test func `http_header is in every answer of ours`() throws {
        var settings = HTTPSettings()
        settings.answerFields = [.init(name: "X-Ours", value: "yes")]
        settings.realm = "home"
        settings.agent = "weir"
        let bench = try HTTPBench(answering: hello, settings, authers: ["alice": "secret"])
        let client = try bench.client()
        let refusal = bench.exchange(client, HTTPBench.get())
        #expect(refusal.contains("\r\nX-Ours: yes\r\n") && refusal.contains("realm=\"home\""))
        #expect(!bench.exchange(client, HTTPBench.get("/", alice)).contains("X-Ours"))
        let reply = bench.exchange(client, connect(alice))
        #expect(reply == "HTTP/1.1 200 Connection established\r\nProxy-Agent: weir\r\n\r\n")
        bench.finish(client)
    }

    // MARK: Time

    @Test func `a head that drips ends at its deadline, an idle connection at its own`() throws {
        let bench = try HTTPBench(answering: hello)
        let dripping = try bench.client()
        for byte in "GET http://origin.example/ HT" {
            if dripping.hasEnded { break }
            dripping.send(String(byte))
            bench.run(milliseconds: 600)
        }
        #expect(dripping.hasEnded)
        #expect(String(decoding: dripping.received, as: UTF8.self).firstLine.contains("408"))
        let silent = try bench.client()
        bench.run(milliseconds: 15_500)
        #expect(silent.hasEnded && silent.received.isEmpty)
        let idle = try bench.client()
        _ = bench.exchange(idle, HTTPBench.get())
        bench.run(milliseconds: 55_000)
        #expect(!idle.hasEnded)
        bench.run(milliseconds: 6000)
        #expect(idle.hasEnded)
        bench.finish()
    }

    @Test func `an origin that says nothing is 504 after readTimeout`() throws {
        let bench = try HTTPBench(answering: "")
        let client = try bench.client()
        #expect(bench.exchange(client, HTTPBench.get(), milliseconds: 14_900) == "")
        let answer = bench.exchange(client, "", milliseconds: 200)
        #expect(answer.firstLine == "HTTP/1.1 504 Gateway Timeout")
        #expect(!client.hasEnded)
        let end = try #require(bench.bench.closed.first?.end)
        #expect(end == FlowEnd(by: .upstream, phase: .relay, cause: .timeout))
        bench.finish(client)
    }

    @Test func `what only waits is let go when the service ends`() throws {
        let bench = try HTTPBench(answering: hello)
        let client = try bench.client()
        _ = bench.exchange(client, HTTPBench.get())
        #expect(!client.hasEnded)
        bench.bench.simulation.onLoop { _ in bench.bench.station.retire() }
        bench.run()
        #expect(client.hasEnded)
        #expect(bench.origin.connections[0].hasEnded)
        #expect(bench.bench.station.isQuiet)
        bench.finish(client)
    }

    @Test func `datagrams go over the stream behind CONNECT as gost frames them`() throws {
        var settings = HTTPSettings()
        settings.servesDatagrams = true
        let bench = try HTTPBench(answering: "", settings)
        let origin = try bench.bench.simulation.peer("203.0.113.70").bindDatagrams(port: 53) {
            socket, datagram in
            try? socket.send(datagram.bytes, to: datagram.source)
        }
        let client = try bench.client()
        let request = Array(connect("X-Gost-Protocol: udp\r\n").utf8)
        let answer = bench.bench.exchange(
            client, request + FramedAssociation.frame(origin.endpoint, [1, 2, 3]))
        let reply = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)
        #expect(Array(answer.prefix(reply.count)) == reply)
        #expect(Array(answer.suffix(3)) == [1, 2, 3])
        #expect(origin.received.map(\.bytes) == [[1, 2, 3]])
        client.finish()
        bench.run(milliseconds: 2000)
        let flow = try #require(bench.bench.closed.first)
        #expect(flow.flow.transport == .udp)
        #expect(flow.counts.uplinkBytes == 3)
        #expect(flow.counts.downlinkBytes == 3)
        bench.finish(client)
    }

    @Test func `datagrams that are not served are refused, not taken for a tunnel`() throws {
        let bench = try HTTPBench(answering: "")
        let client = try bench.client()
        let answer = bench.exchange(client, connect("X-Gost-Protocol: udp\r\n"))
        #expect(answer.firstLine == "HTTP/1.1 403 Forbidden")
        #expect(bench.origin.connections.isEmpty)
        bench.finish(client)
    }

    @Test func `auto tells SOCKS and HTTP apart by the first byte`() throws {
        let bench = try HTTPBench(
            answering: hello, service: { $0.handler = .auto(HTTPSettings(), SOCKSSettings()) })
        let http = try bench.client()
        #expect(bench.exchange(http, HTTPBench.get()).hasSuffix("hello"))
        let socks = try bench.client()
        let request = SOCKSBytes.greeting + SOCKSBytes.request(1, HTTPBench.originAddress, 80)
        #expect(bench.bench.exchange(socks, request).prefix(4) == [5, 0, 5, 0])
        let old = try bench.client()
        #expect(bench.bench.exchange(old, [4, 1, 0, 80, 203, 0, 113, 70, 0]).prefix(2) == [0, 90])
        bench.finish(http, socks, old)
    }
}

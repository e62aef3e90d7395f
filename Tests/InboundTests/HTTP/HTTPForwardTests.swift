import Inbound
import KernelTesting
import Model
import Testing

@Suite("HTTP forwarding, RFC 9110 §7", .timeLimit(.minutes(5)))
struct HTTPForwardTests {
    private let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    private let helloBack =
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nVia: \(HTTPBench.via)\r\n\r\nhello"

    @Test func `a request goes on in origin form and its answer comes back`() throws {
        let bench = try HTTPBench(answering: hello)
        let client = try bench.client()
        let answer = bench.exchange(
            client,
            "GET http://origin.example/a?b=c HTTP/1.1\r\nHost: other.example\r\nX-A: 1\r\n\r\n")
        #expect(answer == helloBack)
        let request =
            "GET /a?b=c HTTP/1.1\r\nHost: origin.example\r\nX-A: 1\r\nVia: \(HTTPBench.via)\r\n\r\n"
        #expect(bench.received() == request)
        let flow = try #require(bench.bench.closed.first)
        #expect(flow.counts.uplinkBytes == UInt64(request.utf8.count))
        #expect(flow.counts.downlinkBytes == UInt64(helloBack.utf8.count))
        #expect(flow.counts.overheadUplinkBytes == 0)
        #expect(flow.flow.host == "origin.example")
        #expect(flow.end == FlowEnd(by: .client, phase: .relay, cause: .finished))
        bench.finish(client)
    }

    @Test func `connections are kept on both sides, and every request is a flow`() throws {
        let bench = try HTTPBench(answering: hello)
        let client = try bench.client()
        for _ in 0..<5 { #expect(bench.exchange(client, HTTPBench.get()) == helloBack) }
        #expect(bench.origin.connections.count == 1)
        #expect(bench.bench.closed.count == 5)
        let other = try bench.client(from: "203.0.113.10")
        #expect(bench.exchange(other, HTTPBench.get()) == helloBack)
        #expect(bench.origin.connections.count == 1, "also for another client")
        bench.finish(client, other)
    }

    @Test func `a kept connection belongs to one user and one destination`() throws {
        let bench = try HTTPBench(answering: hello, authers: ["alice": "secret", "bob": "secret"])
        let client = try bench.client()
        let alice = "Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n"
        let bob = "Proxy-Authorization: Basic Ym9iOnNlY3JldA==\r\n"
        for login in [alice, bob, alice, bob] {
            #expect(bench.exchange(client, HTTPBench.get("/", login)) == helloBack)
        }
        #expect(bench.origin.connections.count == 2)
        #expect(bench.bench.closed.map(\.flow.user) == ["alice", "bob", "alice", "bob"])
        #expect(!bench.received().contains("Authorization"))
        bench.finish(client)
    }

    @Test func `without keep-alive upstream every request has a connection that closes`() throws {
        var settings = HTTPSettings()
        settings.keepsUpstreams = false
        let bench = try HTTPBench(answering: hello, settings)
        let client = try bench.client()
        for _ in 0..<3 { #expect(bench.exchange(client, HTTPBench.get()) == helloBack) }
        #expect(bench.origin.connections.count == 3)
        #expect(bench.received().contains("\r\nConnection: close\r\n"))
        bench.finish(client)
    }

    @Test func `pipelined requests are answered in order`() throws {
        let bench = try HTTPBench { stream, _ in
            let text = String(decoding: stream.received, as: UTF8.self)
            guard text.hasSuffix("\r\n\r\n") else { return }
            let paths = text.split(separator: "GET ").compactMap { $0.split(separator: " ").first }
            guard let path = paths.last else { return }
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(path.count)\r\n\r\n\(path)")
        }
        let client = try bench.client()
        let all = bench.exchange(client, (0..<20).map { HTTPBench.get("/\($0)") }.joined())
        let bodies = all.split(separator: "\r\n\r\n").dropFirst().map {
            $0.prefix { $0 != "H" }
        }
        #expect(bodies.map(String.init) == (0..<20).map { "/\($0)" })
        bench.finish(client)
    }

    @Test func `fields for one hop end here, both ways`() throws {
        let bench = try HTTPBench(
            answering: "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\n"
                + "Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nX-Yours: 2\r\n"
                + "Content-Length: 0\r\n\r\n")
        let client = try bench.client()
        let answer = bench.exchange(
            client,
            HTTPBench.get(
                "/",
                "Connection: keep-alive, x-secret, Via\r\nX-Secret: 1\r\nKeep-Alive: 5\r\n"
                    + "Proxy-Connection: keep-alive\r\nTE: gzip, trailers\r\nVia: 1.0 before\r\n"
                    + "Proxy-Authorization: Basic eDp5\r\nGost-Target: abc\r\nX-Public: 3\r\n"))
        #expect(
            bench.received()
                == "GET / HTTP/1.1\r\nHost: origin.example\r\nVia: 1.0 before\r\nX-Public: 3\r\n"
                + "Via: \(HTTPBench.via)\r\nTE: trailers\r\nConnection: te\r\n\r\n")
        #expect(
            answer == "HTTP/1.1 200 OK\r\nX-Yours: 2\r\nContent-Length: 0\r\n"
                + "Via: \(HTTPBench.via)\r\n\r\n")
        bench.finish(client)
    }

    @Test func `a request that comes back is not sent on again`() throws {
        let bench = try HTTPBench(answering: hello)
        let client = try bench.client()
        let answer = bench.exchange(client, HTTPBench.get("/", "Via: \(HTTPBench.via)\r\n"))
        #expect(answer.firstLine == "HTTP/1.1 502 Bad Gateway")
        #expect(answer.contains("Proxy-Status: weir; error=proxy_loop_detected\r\n"))
        #expect(bench.origin.connections.isEmpty)
        bench.finish(client)
    }

    @Test func `Max-Forwards counts down, and at zero the answer is ours`() throws {
        let bench = try HTTPBench(answering: hello)
        let client = try bench.client()
        func ask(_ method: String, _ forwards: String) -> String {
            bench.exchange(
                client,
                "\(method) http://origin.example/x HTTP/1.1\r\nHost: origin.example\r\n"
                    + "Max-Forwards: \(forwards)\r\nCookie: secret\r\n\r\n")
        }
        #expect(ask("OPTIONS", "3") == helloBack)
        #expect(bench.received().contains("\r\nMax-Forwards: 2\r\n"))
        let options = ask("OPTIONS", "0")
        #expect(options.contains("\r\nAllow: CONNECT, GET"))
        let trace = ask("TRACE", "0")
        #expect(trace.contains("Content-Type: message/http\r\n"))
        #expect(trace.contains("\r\n\r\nTRACE http://origin.example/x HTTP/1.1\r\n"))
        #expect(!trace.contains("Cookie"))
        #expect(ask("GET", "0") == helloBack, "only for TRACE and OPTIONS")
        #expect(ask("TRACE", "-1").firstLine == "HTTP/1.1 400 Bad Request")
        bench.finish(client)
    }

    @Test func `HTTP 1.0 clients get what they understand`() throws {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        let bench = try HTTPBench(answering: chunked)
        let plain = try bench.client()
        let answer = bench.exchange(plain, "GET http://origin.example/ HTTP/1.0\r\n\r\n")
        #expect(
            answer == "HTTP/1.1 200 OK\r\nVia: \(HTTPBench.via)\r\nConnection: close\r\n\r\nabc")
        #expect(plain.hasEnded)
        let lengths = try HTTPBench(answering: hello)
        let keeping = try lengths.client()
        for _ in 0..<2 {
            let answer = lengths.exchange(
                keeping, "GET http://origin.example/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(answer.contains("\r\nConnection: keep-alive\r\n\r\nhello"))
            #expect(!keeping.hasEnded)
        }
        #expect(lengths.received().contains("Via: 1.0 weir-"))
        bench.finish(plain)
        lengths.finish(keeping)
    }

    @Test func `upgrades become tunnels whose payload alone is counted`() throws {
        let bench = try HTTPBench { stream, _ in
            let count = stream.received.count
            let text = String(decoding: stream.received, as: UTF8.self)
            if text.hasSuffix("\r\n\r\n") {
                stream.send(
                    "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nhi")
            } else {
                stream.send("echo \(count)")
            }
        }
        let client = try bench.client()
        let upgrade = HTTPBench.get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n")
        let answer = bench.exchange(client, upgrade + "")
        let head =
            "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nVia: \(HTTPBench.via)\r\n"
            + "Connection: upgrade\r\n\r\n"
        #expect(answer == head + "hi")
        #expect(bench.received().contains("\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"))
        _ = bench.exchange(client, "0123456789")
        client.finish()
        bench.run()
        bench.origin.connections[0].finish()
        bench.run(milliseconds: 1000)
        let flow = try #require(bench.bench.closed.first)
        #expect(flow.counts.uplinkBytes == 10)
        #expect(flow.counts.downlinkBytes == UInt64(client.received.count - head.utf8.count))
        #expect(flow.counts.overheadUplinkBytes == UInt64(upgrade.utf8.count))
        #expect(flow.counts.overheadDownlinkBytes == UInt64(head.utf8.count))
        bench.finish(client)
    }

    @Test func `HTTP 2 in clear text is not offered on, and 101 unasked is no answer`() throws {
        let bench = try HTTPBench(
            answering: "HTTP/1.1 101 No\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n")
        let client = try bench.client()
        let answer = bench.exchange(
            client,
            HTTPBench.get(
                "/",
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                    + "HTTP2-Settings: AAA\r\n"))
        #expect(answer.firstLine == "HTTP/1.1 502 Bad Gateway")
        #expect(!bench.received().contains("h2c") && !bench.received().contains("AAA"))
        bench.finish(client)
    }
}

import Codecs
import HTTPService
import KernelTesting
import Model
import PluginKit
import Testing

@Suite("The HTTP server of the control plane")
struct HTTPServerTests {
    static func get(_ path: String, _ fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n"
    }

    @Test func `requests on one connection are answered in their order`() throws {
        let bench = try HTTPBench()
        let answers = try bench.ask(
            Self.get("/a") + "POST /b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"
                + "POST /c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n" + Self.get("/d", "Connection: close\r\n")
                + Self.get("/never"))
        #expect(answers.bodies == ["GET /a ", "POST /b hi", "POST /c abcd", "GET /d "])
        #expect(answers.all.last?.head.isPersistent == false)
        #expect(answers.rest == [])
    }

    @Test func `HEAD has the length and no content`() throws {
        let bench = try HTTPBench()
        let client = try bench.client()
        client.send("HEAD /a HTTP/1.1\r\nHost: localhost\r\n\r\n")
        bench.simulation.run(milliseconds: 100)
        let answers = Answers(client.received, method: .head)
        #expect(answers.all.first?.head.fields.text("content-length") == "8")
        #expect(answers.rest == [])
        #expect(!client.hasEnded)
    }

    @Test func `HTTP/1.0 closes unless it asks otherwise`() throws {
        let bench = try HTTPBench()
        let client = try bench.client()
        client.send("GET /a HTTP/1.0\r\n\r\n")
        bench.simulation.run(milliseconds: 100)
        #expect(client.hasEnded)
        let other = try bench.client()
        other.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        bench.simulation.run(milliseconds: 100)
        #expect(!other.hasEnded)
        #expect(Answers(other.received).all.first?.head.fields.text("connection") == "keep-alive")
    }

    @Test func `a client that waits for 100 is told when the body is asked for`() throws {
        let bench = try HTTPBench()
        let client = try bench.client()
        client.send(
            "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                + "Expect: 100-continue\r\n\r\n"
        )
        bench.simulation.run(milliseconds: 100)
        #expect(Answers(client.received).statuses == [100])
        client.send("hi")
        bench.simulation.run(milliseconds: 100)
        #expect(Answers(client.received).bodies == ["", "POST /a hi"])
    }

    @Test func `who waits for 100 and sends too much is refused before`() throws {
        let bench = try HTTPBench()
        let client = try bench.client()
        client.send(
            "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n"
                + "Expect: 100-continue\r\n\r\n")
        bench.simulation.run(milliseconds: 5000)
        #expect(Answers(client.received).statuses == [413])
        #expect(client.hasEnded)
    }

    @Test(arguments: [
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n", 413),
        (
            "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"
                + String(repeating: "x", count: 1001) + "\r\n0\r\n\r\n", 413
        ),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/2.0\r\n\r\n", 505),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + String(repeating: "x", count: 70_000), 431),
        ("GET /" + String(repeating: "x", count: 17_000) + " HTTP/1.1\r\n", 414),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nExpect: more\r\n\r\n", 417),
        ("CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    ])
    func `what cannot be answered is refused for its own reason`(text: String, status: Int) throws {
        let answers = try HTTPBench().ask(text)
        #expect(answers.statuses == [UInt16(status)])
    }

    @Test func `a head that drips in is answered with 408, however long it drips`() throws {
        let bench = try HTTPBench()
        let client = try bench.client()
        for byte in "GET / HTTP/1.1\r\nHost: localhost\r\nX: ".utf8 where !client.hasEnded {
            client.send([byte])
            bench.simulation.run(milliseconds: 1000)
        }
        #expect(Answers(client.received).statuses == [408])
        #expect(client.hasEnded)
    }

    @Test func `a body that drips in is answered with 408`() throws {
        let bench = try HTTPBench()
        let client = try bench.client()
        client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n")
        for _ in 0..<70 where !client.hasEnded {
            client.send("x")
            bench.simulation.run(milliseconds: 1000)
        }
        #expect(Answers(client.received).statuses == [408])
        #expect(client.hasEnded)
    }

    @Test func `a connection that says nothing ends, before and between requests`() throws {
        let bench = try HTTPBench()
        let (silent, idle) = (try bench.client(), try bench.client())
        idle.send(Self.get("/a"))
        bench.simulation.run(milliseconds: 16_000)
        #expect(silent.hasEnded)
        #expect(silent.received == [])
        #expect(!idle.hasEnded)
        bench.simulation.run(milliseconds: 60_000)
        #expect(idle.hasEnded)
        #expect(Answers(idle.received).statuses == [200])
    }

    @Test func `of too many connections the longest idle one goes`() throws {
        let bench = try HTTPBench()
        let first = try bench.client()
        first.send(Self.get("/a"))
        bench.simulation.run(milliseconds: 10)
        var others: [PeerStream] = []
        for _ in 0..<Limits.httpConnections {
            let other = try bench.client()
            other.send("GET")
            others.append(other)
            bench.simulation.run(milliseconds: 10)
        }
        #expect(first.hasEnded)
        let late = try bench.client()
        bench.simulation.run(milliseconds: 10)
        #expect(late.hasEnded || late.error != nil)
        #expect(others.allSatisfy { !$0.hasEnded })
        let count = try bench.server.connectionCount
        #expect(count == Limits.httpConnections)
    }

    @Test func `an answer in pieces is chunked, and a part is not taken for the whole`() throws {
        struct Broken: Error {}
        let bench = try HTTPBench([
            (
                Route(path: "/whole"),
                { _ in
                    RouteResponse(
                        status: 200,
                        body: .stream { send in
                            for text in ["one ", "", "two"] { try await send(Array(text.utf8)) }
                        })
                }
            ),
            (
                Route(path: "/part"),
                { _ in
                    RouteResponse(
                        status: 200,
                        body: .stream { send in
                            try await send(Array("one".utf8))
                            throw Broken()
                        })
                }
            ),
        ])
        let whole = try bench.ask(Self.get("/whole") + Self.get("/whole"))
        #expect(whole.bodies == ["one two", "one two"])
        let old = try bench.ask("GET /whole HTTP/1.0\r\n\r\n")
        #expect(old.bodies == ["one two"])
        let part = try bench.ask(Self.get("/part") + Self.get("/whole"))
        #expect(part.all.map(\.isWhole) == [false])
    }

    @Test func `a drain answers what runs and ends what waits`() throws {
        let bench = try HTTPBench()
        let (idle, busy) = (try bench.client(), try bench.client())
        busy.send("POST /b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nh")
        idle.send(Self.get("/a"))
        bench.simulation.run(milliseconds: 10)
        let server = try bench.server
        bench.simulation.onLoop { _ in server.stopAccepting() }
        bench.simulation.run(milliseconds: 10)
        #expect(idle.hasEnded)
        busy.send("i")
        bench.simulation.run(milliseconds: 2000)
        let answers = Answers(busy.received)
        #expect(answers.bodies == ["POST /b hi"])
        #expect(answers.all.last?.head.isPersistent == false)
        #expect(busy.hasEnded)
        #expect(server.connectionCount == 0)
    }

    @Test func `the longest path wins, and there may be none`() throws {
        let bench = try HTTPBench([
            (Route(path: "/a/"), { _ in RouteResponse(status: 200, text: "below") }),
            (Route(path: "/a/b"), { _ in RouteResponse(status: 200, text: "itself") }),
        ])
        let answers = try bench.ask(
            Self.get("/a/b?x=1") + Self.get("/a/c") + Self.get("/a") + Self.get("http://h/a/b"))
        #expect(answers.statuses == [200, 200, 404, 200])
        #expect(answers.bodies[..<2] == ["itself", "below"])
    }

    @Test func `a route that throws or answers nonsense takes nobody with it`() throws {
        struct Broken: Error {}
        let bench = try HTTPBench([
            (Route(path: "/throws"), { _ in throw Broken() }),
            (
                Route(path: "/splits"),
                { _ in RouteResponse(status: 200, fields: [("X", "a\r\nSet-Cookie: b")]) }
            ), (Route(path: "/odd"), { _ in RouteResponse(status: 42) }),
        ])
        let answers = try bench.ask(Self.get("/throws") + Self.get("/splits") + Self.get("/odd"))
        #expect(answers.statuses == [502, 500, 500])
        #expect(bench.lines.count == 3)
    }
}

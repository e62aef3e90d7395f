import KernelTesting
import LinuxIO
import Model
import Routing
import Testing

@Suite("Connectors, RFC 1928 §3-6 and RFC 9110 §9.3.6", .timeLimit(.minutes(5)))
struct ConnectorTests {
    private static let address = "203.0.113.5"
    private let bench = RouterBench()

    @discardableResult
    private func play(
        _ kind: Connector.Kind, login: Connector.Login? = nil, _ lines: PlayedNode.Line...
    ) throws -> PlayedNode {
        bench.take(RouterBench.node(Self.address, kind, login: login))
        return try bench.play(Self.address, lines)
    }

    private func fault(_ fault: NodeFault) -> RouterBench.Outcome {
        .failed(.node(RouterBench.label(Self.address), fault))
    }

    // MARK: SOCKS5

    @Test func `a name goes to a SOCKS5 node as it is, and early bytes are kept`() throws {
        let node = try play(
            .socks5, Speech.greeting,
            .init(Speech.connect("example.com", 443), .say(Speech.granted + Array("220 hi".utf8))))
        #expect(bench.dial() == RouterBench.connected(["n"], "220 hi"))
        #expect(node.surprises.isEmpty)
        #expect(bench.table.asked.isEmpty)
    }

    @Test func `an address goes as an address, and is the flow's destination`() throws {
        try play(
            .socks5, Speech.greeting,
            .init(Speech.connect([198, 51, 100, 7], 80), .say(Speech.granted)))
        let endpoint = try #require(Endpoint("198.51.100.7:80"))
        #expect(
            bench.dial(Destination(endpoint)) == .connected(to: endpoint, route: ["n"], unread: [])
        )
    }

    @Test func `a login is offered, and given when it is asked for`() throws {
        let node = try play(
            .socks5, login: .init(username: "al", password: "pw"), Speech.loginGreeting,
            .init([1, 2, 97, 108, 2, 112, 119], .say([1, 0])),
            .init(Speech.connect("example.com", 443), .say(Speech.granted)))
        #expect(bench.dial() == RouterBench.connected(["n"]))
        #expect(node.surprises.isEmpty)
    }

    @Test func `a login that is not asked for is not given`() throws {
        let node = try play(
            .socks5, login: .init(username: "al", password: "pw"),
            .init([5, 2, 0, 2], .say([5, 0])),
            .init(Speech.connect("example.com", 443), .say(Speech.granted)))
        #expect(bench.dial() == RouterBench.connected(["n"]))
        #expect(node.surprises.isEmpty)
    }

    /// An answer of a SOCKS5 node to CONNECT, and what it means.
    static let replies: [(code: UInt8, fault: NodeFault)] = [
        (1, .refused("general failure")),
        (2, .destination(.denied("the node does not allow it"))),
        (3, .destination(.networkUnreachable)), (4, .destination(.hostUnreachable)),
        (5, .destination(.refused)), (6, .destination(.timedOut)),
        (7, .refused("it does not serve the command")),
        (8, .refused("it does not take the kind of address")),
        (9, .malformed("unknownCode(9)")),
    ]

    @Test(arguments: replies.indices)
    func `every code of a reply has its meaning`(_ index: Int) throws {
        let (code, expected) = Self.replies[index]
        try play(
            .socks5, Speech.greeting,
            .init(
                Speech.connect("example.com", 443), .say([5, code, 0, 1, 0, 0, 0, 0, 0, 0])))
        #expect(bench.dial() == fault(expected))
    }

    @Test func `a login that is refused, or that we do not have, is said so`() throws {
        try play(
            .socks5, login: .init(username: "al", password: "pw"), Speech.loginGreeting,
            .init([1, 2, 97, 108, 2, 112, 119], .say([1, 1])))
        #expect(bench.dial() == fault(.loginRefused))
        let other = RouterBench()
        other.take(RouterBench.node(Self.address))
        try other.play(Self.address, [.init([5, 1, 0], .say([5, 0xff]))])
        #expect(other.dial() == fault(.loginRefused))
    }

    // MARK: HTTP

    @Test func `CONNECT has its login and fields, and early bytes are kept`() throws {
        let fields = "Proxy-Authorization: Basic YWw6cHc=\r\nUser-Agent: weir\r\n"
        let node = try play(
            .http(fields: [.init(name: "User-Agent", value: "weir")]),
            login: .init(username: "al", password: "pw"),
            .init(
                Speech.tunnel("example.com:443", fields),
                .say(Array("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n220 hi".utf8))))
        #expect(bench.dial() == RouterBench.connected(["n"], "220 hi"))
        #expect(node.surprises.isEmpty)
    }

    @Test func `an IPv6 destination stands in brackets`() throws {
        let node = try play(
            .http(fields: []),
            .init(
                Speech.tunnel("[2001:db8::7]:80"), .say(Array("HTTP/1.0 200 \r\n\r\n".utf8))))
        let endpoint = try #require(Endpoint("[2001:db8::7]:80"))
        #expect(
            bench.dial(Destination(endpoint)) == .connected(to: endpoint, route: ["n"], unread: [])
        )
        #expect(node.surprises.isEmpty)
    }

    @Test func `interim answers, long fields and bare line feeds are gone over`() throws {
        let long = "X: " + String(repeating: "y", count: 20_000)
        try play(
            .http(fields: []),
            .init(
                Speech.tunnel("example.com:443"),
                .say(Array("HTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200\n\(long)\n\nhi".utf8))))
        #expect(bench.dial() == RouterBench.connected(["n"], "hi"))
    }

    /// Answers of an HTTP node, and what they mean.
    static let answers: [(text: String, fault: NodeFault)] = [
        ("HTTP/1.1 407 No\r\n\r\n", .loginRefused),
        ("HTTP/1.1 403 No\r\n\r\n", .destination(.denied("the node answered 403"))),
        ("HTTP/1.1 502 No\r\n\r\n", .destination(.hostUnreachable)),
        ("HTTP/1.1 503 No\r\n\r\n", .destination(.hostUnreachable)),
        ("HTTP/1.1 504 No\r\n\r\n", .destination(.timedOut)),
        ("HTTP/1.1 405 No\r\n\r\n", .refused("it answered 405")),
        ("HTTP/1.1 302 No\r\n\r\n", .refused("it answered 302")),
        ("HTTP/2 200\r\n\r\n", .malformed("notHTTP")),
        ("SSH-2.0-x\r\n", .malformed("notHTTP")),
        ("HTTP/1.1 20x\r\n\r\n", .malformed("noStatus")),
        ("HTTP/1.1 099\r\n\r\n", .malformed("noStatus")),
        ("HTTP/1.1 2000\r\n\r\n", .malformed("noStatus")),
        ("HTTP/1.1 200 " + String(repeating: "x", count: 2000), .malformed("tooLong")),
        (
            "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 80_000),
            .malformed("an answer without an end")
        ),
    ]

    @Test(arguments: answers.indices)
    func `every answer has its meaning`(_ index: Int) throws {
        let (text, expected) = Self.answers[index]
        try play(
            .http(fields: []),
            .init(Speech.tunnel("example.com:443"), .say(Array(text.utf8))))
        #expect(bench.dial() == fault(expected))
    }

    // MARK: Nothing spoken

    @Test func `a forward node is the destination`() throws {
        bench.take(RouterBench.node(Self.address, .passThrough))
        let listener = try bench.simulation.peer(Self.address).listen(port: 1080)
        #expect(bench.dial() == RouterBench.connected(["n"]))
        #expect(listener.connections.count == 1)
        #expect(listener.connections.first?.received.isEmpty == true)
    }
}

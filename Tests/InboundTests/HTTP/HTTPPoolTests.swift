import Inbound
import KernelTesting
import Model
import Testing

@Suite("HTTP connections kept for reuse", .timeLimit(.minutes(5)))
struct HTTPPoolTests {
    private let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    /// An origin that resets the first connection at its second request and answers all else.
    private func dying() throws -> HTTPBench {
        try HTTPBench { stream, index in
            let heads = HTTPBench.headCount(stream.received)
            if index == 0 && heads == 2 { return stream.reset() }
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        }
    }

    @Test func `a dead connection is replaced once for what may be repeated`() throws {
        let bench = try dying()
        let client = try bench.client()
        #expect(bench.exchange(client, HTTPBench.get()).hasSuffix("hello"))
        #expect(bench.exchange(client, HTTPBench.get("/2")).hasSuffix("hello"))
        #expect(bench.origin.connections.count == 2)
        let closed = bench.bench.closed
        #expect(closed.count == 3, "the attempt that failed is a flow without bytes")
        #expect(closed[1].counts.uplinkBytes == 0 && closed[1].counts.downlinkBytes == 0)
        #expect(closed[1].end.by == .upstream)
        #expect(closed[2].counts.uplinkBytes == UInt64(bench.received(1).utf8.count))
        bench.finish(client)
    }

    @Test func `what may not be repeated is not`() throws {
        let bench = try dying()
        let client = try bench.client()
        #expect(bench.exchange(client, HTTPBench.get()).hasSuffix("hello"))
        let post = "POST http://origin.example/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
        let answer = bench.exchange(client, post)
        #expect(answer.firstLine == "HTTP/1.1 502 Bad Gateway")
        #expect(bench.origin.connections.count == 1)
        bench.finish(client)
    }

    @Test func `content that cannot be repeated takes no old connection`() throws {
        let bench = try HTTPBench(answering: hello)
        let client = try bench.client()
        let post = "POST http://origin.example/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        for _ in 0..<2 { #expect(bench.exchange(client, post).hasSuffix("hello")) }
        #expect(bench.origin.connections.count == 1)
        bench.run(milliseconds: 2000)
        #expect(bench.exchange(client, post).hasSuffix("hello"))
        #expect(bench.origin.connections.count == 2)
        bench.finish(client)
    }

    @Test func `an origin that dies at once every time is 502, not a loop`() throws {
        let bench = try HTTPBench { stream, _ in stream.reset() }
        let client = try bench.client()
        for _ in 0..<2 {
            #expect(bench.exchange(client, HTTPBench.get()).firstLine.contains("502"))
        }
        #expect(bench.origin.connections.count == 2)
        bench.finish(client)
    }

    @Test func `a connection ends when the origin ends it, or when it grows old`() throws {
        let bench = try HTTPBench(answering: hello)
        let client = try bench.client()
        _ = bench.exchange(client, HTTPBench.get())
        bench.origin.connections[0].finish()
        bench.run()
        #expect(bench.origin.connections[0].hasEnded)
        #expect(bench.exchange(client, HTTPBench.get()).hasSuffix("hello"))
        #expect(bench.origin.connections.count == 2)
        bench.run(milliseconds: 40_000)
        #expect(bench.origin.connections[1].hasEnded)
        bench.finish(client)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n",
    ])
    func `connections that close, or say more than asked, are not used again`(
        answer: String
    ) throws {
        let bench = try HTTPBench(answering: answer)
        let client = try bench.client()
        for _ in 0..<2 {
            let seen = bench.exchange(client, HTTPBench.get())
            #expect(seen.hasSuffix("\r\n\r\nhello"))
        }
        #expect(bench.origin.connections.count == 2)
        bench.finish(client)
    }

    @Test(arguments: 1...40)
    func `nothing is lost or counted twice on an unkind kernel`(seed: UInt64) throws {
        let body = String(repeating: "0123456789abcdef", count: Int(seed) * 700)
        let bench = try HTTPBench(
            seed: seed, faults: .swarm(seed: seed, lossy: false)
        ) { stream, _ in
            let text = String(decoding: stream.received, as: UTF8.self)
            guard text.hasSuffix("\r\n0\r\n\r\n") || text.hasSuffix("!") else { return }
            stream.send(
                seed % 2 == 0
                    ? "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                    : "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n")
        }
        let client = try bench.client()
        let chunked =
            "POST http://origin.example/ HTTP/1.1\r\nHost: a\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n"
            + "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
        let sized =
            "POST http://origin.example/ HTTP/1.1\r\nHost: a\r\n"
            + "Content-Length: \(body.utf8.count + 1)\r\n\r\n\(body)!"
        _ = bench.exchange(client, chunked + sized + chunked, milliseconds: 60_000)
        let closed = bench.bench.closed
        #expect(closed.count == 3)
        let received = bench.origin.connections.map(\.received.count).reduce(0, +)
        #expect(closed.map { Int($0.counts.uplinkBytes) }.reduce(0, +) == received)
        let downlink = closed.map { Int($0.counts.downlinkBytes) }.reduce(0, +)
        #expect(downlink == client.received.count)
        let text = String(decoding: client.received, as: UTF8.self)
        #expect(text.components(of: "HTTP/1.1 200 OK") == 4)
        bench.finish(client)
    }
}

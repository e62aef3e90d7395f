import Inbound
import KernelTesting
import Model
import Testing

@Suite("HTTP content on its way, RFC 9112 §6 and §7", .timeLimit(.minutes(5)))
struct HTTPContentTests {
    private let via = HTTPBench.via

    private func post(_ fields: String, _ content: String = "") -> String {
        "POST http://origin.example/ HTTP/1.1\r\nHost: origin.example\r\n\(fields)\r\n\(content)"
    }

    /// What answers a request to an origin that answers so.
    private func answer(
        of text: String, ending: Bool = false, to request: String = HTTPBench.get()
    ) throws -> (String, PeerStream, HTTPBench) {
        let bench = try HTTPBench { stream, _ in
            stream.send(text)
            if ending { stream.finish() }
        }
        let client = try bench.client()
        let answer = bench.exchange(client, request)
        return (answer, client, bench)
    }

    @Test(arguments: [
        (
            "chunks are written anew",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "0003;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nVia: \(HTTPBench.via)\r\n\r\n"
                + "3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n", "GET"
        ),
        (
            "no content with 204", "HTTP/1.1 204 None\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 204 None\r\nVia: \(HTTPBench.via)\r\n\r\n", "GET"
        ),
        (
            "no content with 304", "HTTP/1.1 304 Same\r\nContent-Length: 77\r\n\r\n",
            "HTTP/1.1 304 Same\r\nContent-Length: 77\r\nVia: \(HTTPBench.via)\r\n\r\n", "GET"
        ),
        (
            "no content for HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 77\r\nVia: \(HTTPBench.via)\r\n\r\n", "HEAD"
        ),
        (
            "103 and 100 before the answer",
            "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            "HTTP/1.1 100 Go\r\nVia: \(HTTPBench.via)\r\n\r\n"
                + "HTTP/1.1 103 Early\r\nLink: </a>\r\nVia: \(HTTPBench.via)\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nVia: \(HTTPBench.via)\r\n\r\nx", "GET"
        ),
    ])
    func `content of answers`(name: String, text: String, expected: String, method: String) throws {
        let request = HTTPBench.get().replacingFirst("GET", with: method)
        let (answer, client, bench) = try answer(of: text, to: request)
        #expect(answer == expected)
        #expect(!client.hasEnded)
        bench.finish(client)
    }

    @Test func `content until the origin's end comes in chunks and keeps the connection`() throws {
        let (answer, client, bench) = try answer(
            of: "HTTP/1.1 200 OK\r\n\r\nall of it", ending: true)
        #expect(
            answer == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nVia: \(via)\r\n\r\n"
                + "9\r\nall of it\r\n0\r\n\r\n")
        #expect(!client.hasEnded)
        bench.finish(client)
    }

    @Test func `chunked requests are streamed with their trailers`() throws {
        let bench = try HTTPBench { stream, _ in
            if String(decoding: stream.received, as: UTF8.self).hasSuffix("X-T: 1\r\n\r\n") {
                stream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let client = try bench.client()
        _ = bench.exchange(client, post("Transfer-Encoding: CHUNKED\r\n", "5;a\r\nhel"))
        #expect(bench.received().hasSuffix("\r\n\r\n3\r\nhel\r\n"), "streamed as it comes")
        let answer = bench.exchange(client, "lo\r\n0\r\nX-T: 1\r\nHost: evil\r\n\r\n")
        #expect(bench.received().hasSuffix("2\r\nlo\r\n0\r\nX-T: 1\r\n\r\n"))
        #expect(answer.firstLine == "HTTP/1.1 200 OK")
        bench.finish(client)
    }

    @Test func `100-continue goes end to end`() throws {
        let bench = try HTTPBench { stream, _ in
            let text = String(decoding: stream.received, as: UTF8.self)
            stream.send(
                text.hasSuffix("\r\n\r\n")
                    ? "HTTP/1.1 100 Continue\r\n\r\n"
                    : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        let client = try bench.client()
        let first = bench.exchange(
            client, post("Expect: 100-continue\r\nContent-Length: 4\r\n"))
        #expect(first == "HTTP/1.1 100 Continue\r\nVia: \(via)\r\n\r\n")
        #expect(bench.received().contains("\r\nExpect: 100-continue\r\n"))
        #expect(bench.exchange(client, "body").firstLine == "HTTP/1.1 200 OK")
        #expect(!client.hasEnded)
        bench.finish(client)
    }

    @Test func `an answer instead of 100 ends the connection, as the content may still come`()
        throws
    {
        let (answer, client, bench) = try answer(
            of: "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n",
            to: post("Expect: 100-continue\r\nContent-Length: 4\r\n"))
        #expect(
            answer
                == "HTTP/1.1 417 No\r\nContent-Length: 0\r\nVia: \(via)\r\n"
                + "Connection: close\r\n\r\n"
        )
        #expect(client.hasEnded)
        bench.finish(client)
    }

    @Test func `an early answer comes before the content's end, which goes on`() throws {
        var hasAnswered = false
        let bench = try HTTPBench { stream, _ in
            if hasAnswered { return }
            hasAnswered = true
            stream.send("HTTP/1.1 413 Big\r\nContent-Length: 3\r\n\r\nbig")
        }
        let client = try bench.client()
        let answer = bench.exchange(client, post("Content-Length: 10\r\n", "01234"))
        #expect(answer.hasSuffix("big"))
        #expect(!client.hasEnded)
        _ = bench.exchange(client, "56789")
        #expect(bench.received().hasSuffix("0123456789"))
        hasAnswered = false
        #expect(bench.exchange(client, HTTPBench.get()).hasSuffix("big"))
        bench.finish(client)
    }

    @Test func `an early answer of an origin that closes ends the connection in order`() throws {
        let (answer, client, bench) = try answer(
            of: "HTTP/1.1 413 Big\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig",
            ending: true, to: post("Content-Length: 100000\r\n", "01234"))
        #expect(answer.hasSuffix("\r\nConnection: close\r\n\r\nbig"))
        #expect(client.hasEnded && client.error == nil)
        bench.finish(client)
    }

    @Test func `a client that breaks off breaks the request off`() throws {
        for content in ["5\r\nab", "5\r\nabcde\r\n", "zz\r\n"] {
            let bench = try HTTPBench { _, _ in }
            let client = try bench.client()
            client.send(post("Transfer-Encoding: chunked\r\n", content))
            client.finish()
            bench.run(milliseconds: 2000)
            #expect(!bench.received().contains("0\r\n\r\n"))
            #expect(bench.origin.connections.allSatisfy { $0.error != nil })
            bench.finish(client)
        }
    }

    /// An answer that the origin breaks off, and how it looks to the client.
    @Test(
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall of it",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "9\r\nall of it\r\n0\r\nA: b\r\n\r\n",
        ], [false, true])
    func `an answer that breaks off anywhere looks so`(whole: String, isReset: Bool) throws {
        let bytes = Array(whole.utf8)
        for count in 0..<bytes.count {
            let bench = try HTTPBench { stream, _ in
                stream.send(bytes[..<count])
                if !isReset { stream.finish() }
            }
            let client = try bench.client()
            var answer = bench.exchange(client, HTTPBench.get())
            if isReset {
                bench.origin.connections[0].reset()
                answer += bench.exchange(client, "")
            }
            if answer.hasPrefix("HTTP/1.1 200") {
                #expect(client.hasEnded || client.error != nil, "cut at \(count)")
                #expect(!answer.hasSuffix("0\r\n\r\n") && !answer.hasSuffix("A: b\r\n\r\n"))
                #expect(!answer.hasSuffix("\r\n\r\nall of it"))
            } else {
                #expect(answer.hasPrefix("HTTP/1.1 502"), "cut at \(count)")
            }
            let closed = bench.bench.closed
            #expect(closed.count == 1)
            #expect(closed.first?.end.by == .upstream)
            bench.finish(client)
        }
    }

    @Test func `content until the end, broken off, is a reset for an old client`() throws {
        let bench = try HTTPBench { stream, _ in stream.send("HTTP/1.1 200 OK\r\n\r\npart") }
        let client = try bench.client()
        let answer = bench.exchange(client, "GET http://origin.example/ HTTP/1.0\r\n\r\n")
        #expect(answer.hasSuffix("part"))
        bench.origin.connections[0].reset()
        bench.run()
        #expect(client.error != nil && !client.hasEnded)
        bench.finish(client)
    }

    @Test func `slow readers hold their senders up, in both directions`() throws {
        let big = String(repeating: "0123456789abcdef", count: 250_000)
        var hasAnswered = false
        let bench = try HTTPBench { stream, _ in
            if !hasAnswered {
                hasAnswered = true
                stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(big.utf8.count)\r\n\r\n\(big)")
            }
        }
        let client = try bench.client()
        client.isPaused = true
        client.send(post("Content-Length: \(big.utf8.count)\r\n", big))
        bench.run(milliseconds: 5000)
        let origin = bench.origin.connections[0]
        #expect(origin.unsentCount > 2_000_000, "the origin is held up")
        client.isPaused = false
        bench.run(milliseconds: 5000)
        #expect(client.received.count > big.utf8.count)
        #expect(origin.received.count > big.utf8.count)
        let flow = try #require(bench.bench.closed.first)
        #expect(flow.counts.uplinkBytes == UInt64(origin.received.count))
        #expect(flow.counts.downlinkBytes == UInt64(client.received.count))
        bench.finish(client)
    }
}

extension String {
    func replacingFirst(_ old: String, with new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return self[..<range.lowerBound] + new + self[range.upperBound...]
    }
}

import CodecTesting
import Codecs
import Testing

@Suite("HTTP/1 response heads")
struct HTTP1ResponseTests {
    static let vectors: [(text: String, head: HTTP1.ResponseHead)] = [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            .init(
                200, reason: "OK", fields: HTTP1RequestTests.fields(["Content-Length": "5"]),
                declared: .length(5))
        ),
        (
            "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n",
            .init(
                404, reason: "Not Found",
                fields: HTTP1RequestTests.fields(["Transfer-Encoding": "chunked"]),
                declared: .chunked)
        ),
        ("HTTP/1.0 302 \r\n\r\n", .init(302, version: .http10)),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
            .init(
                103, reason: "Early Hints",
                fields: HTTP1RequestTests.fields(["Link": "</a>; rel=preload"]))
        ),
        ("HTTP/1.1 999 caf\u{e9}\r\n\r\n", .init(999, reason: "caf\u{e9}")),
    ]

    @Test(arguments: vectors)
    func `a head is decoded whole and encoded back`(text: String, head: HTTP1.ResponseHead) {
        let bytes = Array(text.utf8)
        #expect(checkEveryPrefix(of: bytes, gives: head, decode: HTTP1.ResponseHead.decode) == [])
        var written: [UInt8] = []
        head.encode(into: &written)
        #expect(written == bytes)
    }

    @Test func `the space with the reason may be missing`() {
        #expect(
            decode(Array("HTTP/1.1 204\r\n\r\n".utf8), by: HTTP1.ResponseHead.decode)
                == .value(.init(204), bytesConsumed: 16))
    }

    @Test(arguments: [
        ("HTTP/1.1 20 OK\r\n\r\n", HTTP1.Reason.startLine),
        ("HTTP/1.1 099 OK\r\n\r\n", .startLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", .startLine),
        ("HTTP/1.1  200 OK\r\n\r\n", .startLine),
        ("HTTP/1.1 200_OK\r\n\r\n", .startLine),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", .startLine),
        ("ICY 200 OK and more\r\n\r\n", .startLine),
        ("HTTP/2.0 200 OK\r\n\r\n", .version),
        ("HTTP/1.1 200 OK\n\n", .bareLineFeed),
        ("HTTP/1.1 200 O\u{1}K\r\n\r\n", .controlByte),
        ("HTTP/1.1 200 OK\r\nX" + String(repeating: "y", count: 65_600), .headTooLarge),
    ])
    func `faults are told apart, and all are the origin's`(text: String, reason: HTTP1.Reason) {
        guard case .fault(let fault) = decode(Array(text.utf8), by: HTTP1.ResponseHead.decode)
        else {
            Issue.record("no fault in \(text.prefix(80))")
            return
        }
        #expect(fault.reason == reason)
        #expect(fault.status == 502)
    }

    @Test(arguments: [
        ("200", "Content-Length: 5", HTTP1.Method.get, HTTP1.Framing.length(5)),
        ("200", "Content-Length: 5", .head, .none),
        ("200", "Transfer-Encoding: chunked", .get, .chunked),
        ("200", "Transfer-Encoding: chunked", .head, .none),
        ("200", "X: y", .get, .untilEnd),
        ("204", "Content-Length: 5", .get, .none),
        ("304", "Content-Length: 5", .get, .none),
        ("100", "X: y", .get, .none),
        ("101", "X: y", .get, .none),
        ("200", "Content-Length: 5", .connect, .none),
        ("407", "Content-Length: 5", .connect, .length(5)),
        ("200", "Content-Length: 0", .get, .length(0)),
    ])
    func `the content's end follows from status, method and fields`(
        status: String, line: String, method: HTTP1.Method, framing: HTTP1.Framing
    ) {
        let text = "HTTP/1.1 \(status) X\r\n\(line)\r\n\r\n"
        guard
            case .value(let head, _) = decode(
                Array(text.utf8), by: HTTP1.ResponseHead.decode)
        else {
            Issue.record("refused: \(text)")
            return
        }
        #expect(head.framing(answering: method) == framing)
        #expect(head.isInterim == (status == "100"))
    }

    @Test func `nothing an origin sends traps`() {
        #expect(
            checkRandomInput(
                like: Self.vectors.map { Array($0.text.utf8) }, rounds: 20_000, seed: 12,
                decode: HTTP1.ResponseHead.decode) == [])
    }
}

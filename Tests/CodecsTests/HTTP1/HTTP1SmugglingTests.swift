import CodecTesting
import Codecs
import Testing

/// Forms by which one reader was made to see a request where another saw content.
@Suite("Ambiguous framing is refused")
struct HTTP1SmugglingTests {
    private static func request(_ lines: String, version: String = "1.1") -> String {
        "POST / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n\r\n"
    }

    static let requests: [(String, HTTP1.Reason)] = [
        (request("Content-Length: 6\r\nTransfer-Encoding: chunked"), .conflictingLengths),
        (request("Transfer-Encoding: chunked\r\nContent-Length: 6"), .conflictingLengths),
        (request("Transfer-Encoding: chunked\r\nContent-Length: 0"), .conflictingLengths),
        (request("Content-Length: 6\r\nContent-Length: 5"), .contentLength),
        (request("Content-Length: 6\r\nContent-Length: 6"), .contentLength),
        (request("Content-Length: 6, 6"), .contentLength),
        (request("Content-Length: "), .contentLength),
        (request("Content-Length: +6"), .contentLength),
        (request("Content-Length: -6"), .contentLength),
        (request("Content-Length: 0x6"), .contentLength),
        (request("Content-Length: 6 6"), .contentLength),
        (request("Content-Length: 6;"), .contentLength),
        (request("Content-Length: 6_0"), .contentLength),
        (request("Content-Length: \u{666}"), .contentLength),
        (request("Content-Length: 9223372036854775808"), .contentLength),
        (request("Content-Length: 18446744073709551622"), .contentLength),
        (request("Content-Length: 000000000000000000000006"), .contentLength),
        (request("Content-Length : 6"), .spaceBeforeColon),
        (request("Content-Length\t: 6"), .spaceBeforeColon),
        (request("X: y\r\n Content-Length: 6"), .foldedLine),
        (request("X: y\nContent-Length: 6"), .bareLineFeed),
        (request("X: y\rContent-Length: 6"), .bareCarriageReturn),
        (request("Content-Length: 6\0"), .controlByte),
        (request("Transfer-Encoding: xchunked"), .transferCoding),
        (request("Transfer-Encoding: identity"), .transferCoding),
        (request("Transfer-Encoding: gzip, chunked"), .transferCoding),
        (request("Transfer-Encoding: chunked, identity"), .transferCoding),
        (request("Transfer-Encoding: cow"), .transferCoding),
        (request("Transfer-Encoding: \"chunked\""), .transferCoding),
        (request("Transfer-Encoding: "), .transferEncoding),
        (request("Transfer-Encoding: ,chunked"), .transferEncoding),
        (request("Transfer-Encoding: chunked,"), .transferEncoding),
        (request("Transfer-Encoding: chunked, chunked"), .transferEncoding),
        (request("Transfer-Encoding: chunked;q=1"), .transferEncoding),
        (request("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), .transferEncoding),
        (request("Transfer-Encoding: chunked\r\nTransfer-Encoding: x"), .transferEncoding),
        (request("Transfer-Encoding: x\r\nTransfer-Encoding: chunked"), .transferCoding),
        (request("Transfer-Encoding: \u{b}chunked"), .controlByte),
        (request("Transfer-Encoding:\r\n chunked"), .transferEncoding),
        (request("Transfer-Encoding : chunked"), .spaceBeforeColon),
        (request("Transfer-Encoding: chunked", version: "1.0"), .transferEncoding),
        (request("Host: b"), .host),
        (request("\u{0}Transfer-Encoding: chunked"), .controlByte),
        (request(" Transfer-Encoding: chunked"), .foldedLine),
    ]

    @Test(arguments: requests)
    func `in requests`(text: String, reason: HTTP1.Reason) {
        guard case .fault(let fault) = decode(Array(text.utf8), by: HTTP1.RequestHead.decode)
        else {
            Issue.record("no fault in \(text)")
            return
        }
        // An empty value in front of a folded line is found before the folding is.
        #expect(fault.reason == reason || fault.reason == .foldedLine)
        #expect(fault.status == 400 || fault.status == 501)
    }

    @Test(arguments: requests)
    func `in responses`(text: String, reason: HTTP1.Reason) throws {
        // Host means nothing in a response.
        guard reason != .host else { return }
        let version = try #require(text.split(separator: "\r\n").first?.suffix(8))
        let lines = text.drop { $0 != "\r\n" }
        let response = "\(version) 200 OK\(lines)"
        guard
            case .fault(let fault) = decode(
                Array(response.utf8), by: HTTP1.ResponseHead.decode)
        else {
            Issue.record("no fault in \(response)")
            return
        }
        #expect(fault.reason == reason || fault.reason == .foldedLine)
        #expect(fault.status == 502)
    }

    @Test(arguments: [
        "X-Transfer-Encoding: chunked", "Content-Lengt: 5", "Content-Length-: 5",
        "Transfer_Encoding: chunked",
    ])
    func `names that only look alike mean nothing`(line: String) throws {
        guard
            case .value(let head, _) = decode(
                Array(Self.request(line).utf8), by: HTTP1.RequestHead.decode)
        else {
            Issue.record("refused: \(line)")
            return
        }
        #expect(head.framing == .none)
    }
}

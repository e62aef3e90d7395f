import CodecTesting
import Codecs
import Model
import Testing

@Suite("HTTP/1 request heads")
struct HTTP1RequestTests {
    typealias Vector = (name: String, text: String, head: HTTP1.RequestHead)

    static func fields(_ pairs: KeyValuePairs<String, String>) -> HTTP1.Fields {
        var fields = HTTP1.Fields()
        for (name, value) in pairs { fields.append(name, value) }
        return fields
    }

    static let example = HTTP1.Authority(host: .name("example.com"), port: nil)

    /// Heads that are written exactly as they were read.
    static let vectors: [Vector] = [
        (
            "to an origin", "GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
            .init(
                .get, .origin(Array("/where?q=now".utf8)),
                fields: fields(["Host": "www.example.org"]))
        ),
        (
            "to a proxy",
            "GET http://example.com/a%20b HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n",
            .init(
                .get,
                .absolute(.init(scheme: "http", authority: example, path: Array("/a%20b".utf8))),
                fields: fields(["Host": "example.com", "Accept": "*/*"]))
        ),
        (
            "a tunnel", "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n",
            .init(
                .connect,
                .authority(
                    Destination(host: .address(IPAddress("2001:db8::1") ?? .anyV6), port: 443)),
                fields: fields(["Host": "[2001:db8::1]:443"]))
        ),
        (
            "the server itself", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            .init(.options, .asterisk, fields: fields(["Host": "a"]))
        ),
        (
            "with a length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n",
            .init(
                .post, .origin([0x2f]), fields: fields(["Host": "a", "Content-Length": "12"]),
                framing: .length(12))
        ),
        (
            "with chunks", "PUT / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n",
            .init(
                .put, .origin([0x2f]),
                fields: fields(["Host": "a", "transfer-encoding": "Chunked"]), framing: .chunked)
        ),
        (
            "of the old version", "GET / HTTP/1.0\r\n\r\n",
            .init(.get, .origin([0x2f]), version: .http10)
        ),
        (
            "empty and repeated fields", "GET / HTTP/1.1\r\nHost: a\r\nX: \r\nX: 1\r\n\r\n",
            .init(.get, .origin([0x2f]), fields: fields(["Host": "a", "X": "", "X": "1"]))
        ),
        (
            "an unknown method", "BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n",
            .init(HTTP1.Method("BREW"), .origin(Array("/pot".utf8)), fields: fields(["Host": "a"]))
        ),
        (
            "bytes outside ASCII", "GET /caf\u{e9} HTTP/1.1\r\nHost: a\r\nX: caf\u{e9}\r\n\r\n",
            .init(
                .get, .origin(Array("/caf\u{e9}".utf8)),
                fields: fields(["Host": "a", "X": "caf\u{e9}"]))
        ),
    ]

    @Test(arguments: vectors)
    func `a head is decoded whole and encoded back`(vector: Vector) {
        let bytes = Array(vector.text.utf8)
        #expect(
            checkEveryPrefix(of: bytes, gives: vector.head, decode: HTTP1.RequestHead.decode) == [])
        var written: [UInt8] = []
        vector.head.encode(into: &written)
        #expect(written == bytes)
    }

    @Test func `a head that drips in is read as one that comes at once`() {
        for vector in Self.vectors {
            let bytes = Array(vector.text.utf8)
            var progress = HTTP1.HeadProgress()
            for count in 0..<bytes.count {
                let part = decode(Array(bytes[..<count])) {
                    HTTP1.RequestHead.decode($0, resuming: &progress)
                }
                #expect(part == .needs(moreBytes: 1))
            }
            let whole = decode(bytes) { HTTP1.RequestHead.decode($0, resuming: &progress) }
            #expect(whole == .value(vector.head, bytesConsumed: bytes.count))
        }
    }

    @Test(arguments: [
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "an empty line in front"),
        ("GET / HTTP/1.1\r\nhOST:a\r\n\r\n", "no space behind the colon"),
        ("GET / HTTP/1.1\r\nHost:\t a \t\r\n\r\n", "blanks around the value"),
        ("GET / HTTP/1.7\r\nHost: a\r\n\r\n", "a higher minor version"),
        ("GET / HTTP/1.1\r\nHost: \r\n\r\n", "an empty Host"),
    ])
    func `what the RFC allows is taken`(text: String, name: String) throws {
        guard
            case .value(let head, text.utf8.count) = decode(
                Array(text.utf8), by: HTTP1.RequestHead.decode)
        else {
            Issue.record("\(name) is refused")
            return
        }
        #expect(head.method == .get)
        #expect(head.fields.text("host") == (name == "an empty Host" ? "" : "a"))
    }

    static func head(_ line: String) -> String { "GET / HTTP/1.1\r\nHost: a\r\n\(line)\r\n\r\n" }

    static let faults: [(String, HTTP1.Reason)] = [
        ("GET /\r\n\r\n", .startLine),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .startLine),
        ("GET / a HTTP/1.1\r\nHost: a\r\n\r\n", .startLine),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .startLine),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", .startLine),
        ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", .startLine),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", .startLine),
        ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", .startLine),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .startLine),
        (String(repeating: "M", count: 33) + " / HTTP/1.1\r\nHost: a\r\n\r\n", .method),
        ("PRI * HTTP/2.0\r\n\r\n", .version),
        ("GET / HTTP/0.9\r\n\r\n", .version),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", .target),
        ("GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n", .target),
        ("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", .target),
        (
            "GET /" + String(repeating: "x", count: 16_384) + " HTTP/1.1\r\nHost: a\r\n\r\n",
            .targetTooLong
        ),
        ("GET /" + String(repeating: "x", count: 17_000), .targetTooLong),
        (head("X: " + String(repeating: "x", count: 65_536)), .headTooLarge),
        ("GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 65_536), .headTooLarge),
        (head(Array(repeating: "X: 1", count: 256).joined(separator: "\r\n")), .tooManyFields),
        ("GET / HTTP/1.1\nHost: a\n\n", .bareLineFeed),
        (head("X: 1\nY: 2"), .bareLineFeed),
        (head("X: 1\rY: 2"), .bareCarriageReturn),
        (head("X: 1\r\r\nY: 2"), .bareCarriageReturn),
        (head("X: a\0b"), .controlByte),
        (head("X: a\u{b}b"), .controlByte),
        (head("X: a\u{7f}"), .controlByte),
        ("\u{16}\u{3}\u{1}", .controlByte),
        (head("X: 1\r\n folded"), .foldedLine),
        (head(" X: 1"), .foldedLine),
        (head("X"), .fieldLine),
        (head(": 1"), .fieldName),
        (head("X(: 1"), .fieldName),
        (head("caf\u{e9}: 1"), .fieldName),
        (head("X Y: 1"), .fieldName),
        (head("X : 1"), .spaceBeforeColon),
        (head("X\t: 1"), .spaceBeforeColon),
        ("GET / HTTP/1.1\r\n\r\n", .hostMissing),
        (head("Host: a"), .host),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .host),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .host),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", .host),
        ("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", .host),
        ("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", .host),
        ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", .host),
    ]

    @Test(arguments: faults)
    func `faults are told apart`(text: String, reason: HTTP1.Reason) {
        guard case .fault(let fault) = decode(Array(text.utf8), by: HTTP1.RequestHead.decode)
        else {
            Issue.record("no fault in \(text.prefix(80))")
            return
        }
        #expect(fault.reason == reason)
    }

    @Test(arguments: faults)
    func `a fault is the same however the bytes come`(text: String, reason: HTTP1.Reason) {
        let bytes = Array(text.utf8)
        var progress = HTTP1.HeadProgress()
        var found: HTTP1.Reason?
        for count in stride(from: 1, through: bytes.count, by: bytes.count > 2000 ? 997 : 1)
        where found == nil {
            if case .fault(let fault) = decode(
                Array(bytes[..<count]),
                by: { HTTP1.RequestHead.decode($0, resuming: &progress) })
            {
                found = fault.reason
            }
        }
        if found == nil, case .fault(let fault) = decode(bytes, by: HTTP1.RequestHead.decode) {
            found = fault.reason
        }
        #expect(found == reason)
    }

    @Test func `every reason has the status that answers it`() {
        for reason in HTTP1.Reason.allCases {
            let text = reason.rawValue
            #expect(!text.isEmpty)
        }
        let statuses = Set(
            (Self.faults + HTTP1SmugglingTests.requests).compactMap { text, _ -> UInt16? in
                guard
                    case .fault(let fault) = decode(
                        Array(text.utf8), by: HTTP1.RequestHead.decode)
                else { return nil }
                return fault.status
            })
        #expect(statuses == [400, 414, 431, 501, 505])
    }

    @Test func `persistence follows the version and Connection`() {
        func isPersistent(_ version: String, _ fields: String) -> Bool? {
            let text = "GET / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n"
            guard
                case .value(let head, _) = decode(
                    Array(text.utf8), by: HTTP1.RequestHead.decode)
            else { return nil }
            return head.isPersistent
        }
        #expect(isPersistent("1.1", "") == true)
        #expect(isPersistent("1.1", "Connection: x, CLOSE\r\n") == false)
        #expect(isPersistent("1.0", "") == false)
        #expect(isPersistent("1.0", "Connection: Keep-Alive\r\n") == true)
        #expect(isPersistent("1.0", "Connection: keep-alive\r\nConnection: close\r\n") == false)
    }

    @Test func `nothing a client sends traps`() {
        #expect(
            checkRandomInput(
                like: Self.vectors.map { Array($0.text.utf8) }, rounds: 20_000, seed: 11,
                decode: HTTP1.RequestHead.decode) == [])
    }
}

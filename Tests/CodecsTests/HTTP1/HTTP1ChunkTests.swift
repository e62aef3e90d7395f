import Chance
import CodecTesting
import Codecs
import Testing

@Suite("HTTP/1 chunked content")
struct HTTP1ChunkTests {
    /// What came of reading content in parts.
    struct Outcome: Equatable {
        var data: [UInt8] = []
        var trailers: HTTP1.Fields?
        var fault: HTTP1.Reason?
        var consumed = 0
    }

    private func read(_ parts: [[UInt8]]) -> Outcome {
        var reader = HTTP1.ChunkReader(.request)
        var outcome = Outcome()
        for part in parts {
            var offset = 0
            reading: while true {
                switch reader.next(part.span.bytes, from: &offset) {
                case .data(let range): outcome.data += part[range]
                case .needsMore: break reading
                case .end(let trailers):
                    outcome.trailers = trailers
                    outcome.consumed += offset
                    return outcome
                case .fault(let fault):
                    outcome.fault = fault.reason
                    outcome.consumed += offset
                    return outcome
                }
            }
            outcome.consumed += offset
        }
        return outcome
    }

    private func read(_ text: String) -> Outcome { read([Array(text.utf8)]) }

    static let whole = "5\r\nhello\r\n0000A;x=\"y\"\r\n, world!!!\r\n0\r\nA: 1\r\nb: 2\r\n\r\n"

    @Test func `content and trailers are read wherever the parts end`() {
        let bytes = Array(Self.whole.utf8)
        let expected = Outcome(
            data: Array("hello, world!!!".utf8),
            trailers: HTTP1RequestTests.fields(["A": "1", "b": "2"]), consumed: bytes.count)
        #expect(read([bytes + Array("GET".utf8)]) == expected)
        for cut in 0...bytes.count {
            #expect(read([Array(bytes[..<cut]), Array(bytes[cut...])]) == expected)
        }
        #expect(read(bytes.map { [$0] }) == expected)
    }

    @Test func `no prefix is an end`() {
        let bytes = Array(Self.whole.utf8)
        for count in 0..<bytes.count {
            let outcome = read([Array(bytes[..<count])])
            #expect(outcome.trailers == nil)
            #expect(outcome.fault == nil)
        }
    }

    @Test func `empty content is a line and its end`() {
        #expect(read("0\r\n\r\n") == Outcome(trailers: HTTP1.Fields(), consumed: 5))
        #expect(read("000\r\n\r\nX").consumed == 7)
    }

    @Test func `the largest size is waited for`() {
        let outcome = read("ffffffffffffffff\r\nabc")
        #expect(outcome.data == Array("abc".utf8))
        #expect(outcome.fault == nil)
    }

    @Test(arguments: [
        ("", nil), ("\r\n", HTTP1.Reason.chunkSize), ("-1\r\n", .chunkSize), ("+1\r\n", .chunkSize),
        ("0x1\r\n", .chunkSize), (" 1\r\n", .chunkSize), ("1 \r\n", .chunkSize),
        ("1\t;a\r\n", .chunkSize), ("g\r\n", .chunkSize), ("1_0\r\n", .chunkSize),
        ("00000000000000001\r\n", .chunkSize), (";a\r\n", .chunkSize),
        ("1\nA", .bareLineFeed), ("1\rA", .bareCarriageReturn), ("1;a\nA", .bareLineFeed),
        ("1;a\rA", .bareCarriageReturn), ("1;a\0", .controlByte),
        ("1\r\nAB", .chunkEnd), ("1\r\nA\n", .chunkEnd), ("1\r\nA\rB", .chunkEnd),
        ("1;" + String(repeating: "x", count: 1025), .chunkLineTooLong),
        ("0\r\n\n", .bareLineFeed), ("0\r\n\rX", .bareCarriageReturn),
        ("0\r\nA: 1\n", .bareLineFeed),
        ("0\r\n A: 1\r\n\r\n", .foldedLine), ("0\r\nA : 1\r\n\r\n", .spaceBeforeColon),
        ("0\r\nA\r\n\r\n", .fieldLine), ("0\r\nA: \0\r\n\r\n", .controlByte),
        ("0\r\nA: 1\r\n B\r\n\r\n", .foldedLine),
        ("0\r\nA: " + String(repeating: "x", count: 16_384), .trailersTooLarge),
        ("0\r\n" + String(repeating: "A: 1\r\n", count: 257), .tooManyFields),
        ("0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", .contentLength),
    ])
    func `faults are told apart`(text: String, reason: HTTP1.Reason?) {
        #expect(read(text).fault == reason)
        #expect(read(Array(text.utf8).map { [$0] }).fault == reason)
    }

    @Test func `trailers that would change the message are left out`() {
        let outcome = read(
            "0\r\nHost: a\r\nX: 1\r\nContent-Length: 5\r\nAuthorization: b\r\nTE: c\r\n\r\n")
        #expect(outcome.trailers == HTTP1RequestTests.fields(["X": "1"]))
    }

    @Test func `after a fault nothing is read`() {
        var reader = HTTP1.ChunkReader(.response)
        let bytes = Array("x0\r\n\r\n".utf8)
        var offset = 0
        guard case .fault(let fault) = reader.next(bytes.span.bytes, from: &offset) else {
            Issue.record("no fault")
            return
        }
        #expect(fault.status == 502)
        let again = reader.next(bytes.span.bytes, from: &offset)
        #expect(again == .fault(fault))
    }

    @Test func `what is written is read`() {
        var bytes: [UInt8] = []
        for text in ["hello", ", ", "world"] {
            HTTP1.encodeChunkSize(text.utf8.count, into: &bytes)
            bytes += Array(text.utf8) + HTTP1.chunkEnd
        }
        let trailers = HTTP1RequestTests.fields(["A": "1"])
        HTTP1.encodeLastChunk(trailers: trailers, into: &bytes)
        #expect(
            read([bytes])
                == Outcome(
                    data: Array("hello, world".utf8), trailers: trailers, consumed: bytes.count))
    }

    @Test func `nothing a peer sends traps, and parts change nothing`() {
        var random = SplitMix64(seed: 5)
        for _ in 0..<20_000 {
            var bytes = Array(Self.whole.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                bytes[at] = UInt8.random(in: 0...255, using: &random)
            }
            let cut = Int.random(in: 0...bytes.count, using: &random)
            let (one, two) = (
                read([bytes]), read([Array(bytes[..<cut]), Array(bytes[cut...])])
            )
            #expect(one == two)
        }
    }
}

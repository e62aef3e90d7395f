import Bytes
import CodecTesting
import Codecs
import Testing

@Suite("SOCKS5 greeting, RFC 1928 §3")
struct SOCKS5GreetingTests {
    typealias Vector = (name: String, bytes: [UInt8], methods: [UInt8])

    static let vectors: [Vector] = [
        ("one method", hex("05 01 00"), [0]),
        ("no method at all", hex("05 00"), []),
        ("curl with a password", hex("05 03 00 01 02"), [0, 1, 2]),
        ("a gost client", hex("05 04 00 02 80 82"), [0, 2, 0x80, 0x82]),
        ("all there are", [5, 255] + Array(0...254), Array(0...254)),
    ]

    @Test(arguments: vectors)
    func `a greeting is decoded whole and encoded back`(vector: Vector) {
        let greeting = SOCKS5.Greeting(vector.methods.map { .init(rawValue: $0) })
        #expect(
            checkEveryPrefix(
                of: vector.bytes, gives: greeting, decode: SOCKS5.Greeting.decode) == [])
        let bytes = [UInt8](capacity: SOCKS5.Greeting.maximumByteCount) {
            greeting.encode(into: &$0)
        }
        #expect(bytes == vector.bytes)
        for method in UInt8(0)...255 {
            #expect(
                greeting.offers(.init(rawValue: method)) == vector.methods.contains(method))
        }
    }

    @Test func `a method offered twice, or as 255, is kept as offered`() {
        let bytes = hex("05 03 02 02 ff")
        guard case .value(let greeting, 5) = decode(bytes, by: SOCKS5.Greeting.decode) else {
            Issue.record("not decoded")
            return
        }
        #expect(greeting.offers(.password))
        #expect(greeting.offers(.noneAcceptable))
        #expect(!greeting.offers(.open))
    }

    @Test(arguments: [UInt8(0), 1, 4, 6, UInt8(ascii: "G"), 0x16, 255])
    func `another version is told at the first byte`(version: UInt8) {
        let bytes = [version]
        #expect(
            decode(bytes, by: SOCKS5.Greeting.decode) == .fault(.init(version: version)))
        #expect(
            decode(bytes, by: SOCKS5.Method.decodeReply) == .fault(.init(version: version)))
    }

    @Test(arguments: [
        ("open", SOCKS5.Method.open, hex("05 00")),
        ("password", .password, hex("05 02")),
        ("none", .noneAcceptable, hex("05 ff")),
    ])
    func `the choice is two bytes`(name: String, method: SOCKS5.Method, reply: [UInt8]) {
        let bytes = [UInt8](capacity: SOCKS5.Method.replyByteCount) {
            method.encodeReply(into: &$0)
        }
        #expect(bytes == reply)
        #expect(
            checkEveryPrefix(of: reply, gives: method, decode: SOCKS5.Method.decodeReply) == [])
    }

    @Test func `nothing a client sends traps`() {
        let examples = Self.vectors.map(\.bytes)
        #expect(
            checkRandomInput(
                like: examples, rounds: 20_000, seed: 1, decode: SOCKS5.Greeting.decode) == [])
        #expect(
            checkRandomInput(
                like: examples, rounds: 5_000, seed: 2, decode: SOCKS5.Method.decodeReply) == [])
    }
}

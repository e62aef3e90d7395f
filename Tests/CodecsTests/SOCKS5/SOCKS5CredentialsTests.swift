import Bytes
import CodecTesting
import Codecs
import Testing

@Suite("SOCKS5 credentials, RFC 1929 §2")
struct SOCKS5CredentialsTests {
    typealias Vector = (name: String, bytes: [UInt8], username: String, password: String)

    static let vectors: [Vector] = [
        (
            "alice",
            hex(
                """
                01                      // VER
                05 61 6c 69 63 65       // alice
                06 73 65 63 72 65 74    // secret
                """), "alice", "secret"
        ),
        ("both empty", hex("01 00 00"), "", ""),
        ("no password", hex("01 01 61 00"), "a", ""),
        ("no name", hex("01 00 01 62"), "", "b"),
        ("beyond ASCII", hex("01 02 c3 a9 03 e2 82 ac"), "é", "€"),
        ("a NUL is a character", hex("01 03 61 00 62 01 00"), "a\0b", "\0"),
        (
            "the longest",
            [1, 255] + [UInt8](repeating: 0x75, count: 255) + [255]
                + [UInt8](repeating: 0x70, count: 255),
            String(repeating: "u", count: 255), String(repeating: "p", count: 255)
        ),
    ]

    @Test(arguments: vectors)
    func `credentials are decoded whole and encoded back`(vector: Vector) {
        let credentials = SOCKS5.Credentials(username: vector.username, password: vector.password)
        #expect(
            checkEveryPrefix(
                of: vector.bytes, gives: credentials, decode: SOCKS5.Credentials.decode) == [])
        let bytes = [UInt8](capacity: SOCKS5.Credentials.maximumByteCount) { writer in
            let isWritten = credentials.encode(into: &writer)
            #expect(isWritten)
        }
        #expect(bytes == vector.bytes)
    }

    @Test(arguments: [UInt8(0), 5, 255])
    func `the version of this exchange is 1`(version: UInt8) {
        let bytes: [UInt8] = [version, 1, 0x61]
        #expect(decode(bytes, by: SOCKS5.Credentials.decode) == .fault(.version(version)))
        #expect(decode(bytes, by: SOCKS5.Credentials.decodeReply) == .fault(.version(version)))
    }

    @Test(arguments: [hex("01 01 ff 01 61"), hex("01 01 61 02 c3 28"), hex("01 02 c0 80 00")])
    func `what is not text is a fault and never repaired`(bytes: [UInt8]) {
        #expect(decode(bytes, by: SOCKS5.Credentials.decode) == .fault(.notText))
    }

    @Test func `a part over 255 bytes cannot be sent`() {
        let long = String(repeating: "x", count: 256)
        for credentials in [
            SOCKS5.Credentials(username: long, password: ""), .init(username: "", password: long),
        ] {
            let bytes = [UInt8](capacity: 600) { writer in
                let isWritten = credentials.encode(into: &writer)
                #expect(!isWritten)
            }
            #expect(bytes == [])
        }
    }

    @Test(arguments: [("accepted", true, hex("01 00")), ("refused", false, hex("01 01"))])
    func `the answer is two bytes`(name: String, accepted: Bool, reply: [UInt8]) {
        let bytes = [UInt8](capacity: SOCKS5.Credentials.replyByteCount) {
            SOCKS5.Credentials.encodeReply(accepted: accepted, into: &$0)
        }
        #expect(bytes == reply)
        #expect(
            checkEveryPrefix(
                of: reply, gives: accepted, decode: SOCKS5.Credentials.decodeReply) == [])
    }

    @Test func `any status but 0 is a refusal`() {
        #expect(
            decode([1, 255], by: SOCKS5.Credentials.decodeReply) == .value(false, bytesConsumed: 2))
    }

    @Test func `nothing a client sends traps`() {
        #expect(
            checkRandomInput(
                like: Self.vectors.map(\.bytes), rounds: 20_000, seed: 3,
                decode: SOCKS5.Credentials.decode) == [])
    }
}

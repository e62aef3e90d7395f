import Bytes
import CodecTesting
import Codecs
import Model
import Testing

@Suite("SOCKS5 reply, RFC 1928 §6")
struct SOCKS5ReplyTests {
    typealias Vector = (name: String, bytes: [UInt8], code: SOCKS5.Reply.Code, bound: String)

    static let vectors: [Vector] = [
        ("done", hex("05 00 00 01 c0 00 02 01 9c 40"), .succeeded, "192.0.2.1:40000"),
        (
            "done, IPv6",
            hex("05 00 00 04 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02 00 50"), .succeeded,
            "[2001:db8::2]:80"
        ),
        ("not allowed", hex("05 02 00 01 00 00 00 00 00 00"), .notAllowed, "0.0.0.0:0"),
        ("refused", hex("05 05 00 01 00 00 00 00 00 00"), .connectionRefused, "0.0.0.0:0"),
    ]

    @Test(arguments: vectors)
    func `a reply is encoded and decoded whole`(vector: Vector) throws {
        let bound = try #require(Endpoint(vector.bound))
        let bytes = [UInt8](capacity: SOCKS5.Reply.maximumByteCount) {
            SOCKS5.Reply.encode(vector.code, bound: bound, into: &$0)
        }
        #expect(bytes == vector.bytes)
        #expect(
            checkEveryPrefix(
                of: vector.bytes, gives: .init(vector.code, bound: Destination(bound)),
                decode: SOCKS5.Reply.decode) == [])
    }

    @Test func `a failure without an address has the zero address`() {
        for code in SOCKS5.Reply.Code.allCases {
            let bytes = [UInt8](capacity: 10) { SOCKS5.Reply.encode(code, into: &$0) }
            #expect(bytes == [5, code.rawValue, 0, 1, 0, 0, 0, 0, 0, 0])
        }
    }

    @Test func `a reply may name its end`() {
        let reply = SOCKS5.Reply(
            .succeeded, bound: Destination(host: .name("relay.example"), port: 1080))
        let bytes = hex("05 00 00 03 0d 72 65 6c 61 79 2e 65 78 61 6d 70 6c 65 04 38")
        #expect(checkEveryPrefix(of: bytes, gives: reply, decode: SOCKS5.Reply.decode) == [])
    }

    @Test(arguments: [
        ("another version", hex("04"), SOCKS5.Reply.Fault.version(4)),
        ("code 9", hex("05 09"), .unknownCode(9)),
        ("address type 5", hex("05 00 00 05"), .unsupportedAddressType(5)),
        ("a name that is none", hex("05 00 00 03 01 20 00 00"), .invalidName),
    ])
    func `faults are told apart`(name: String, bytes: [UInt8], fault: SOCKS5.Reply.Fault) {
        #expect(decode(bytes, by: SOCKS5.Reply.decode) == .fault(fault))
    }

    @Test func `nothing a server sends traps`() {
        #expect(
            checkRandomInput(
                like: Self.vectors.map(\.bytes), rounds: 20_000, seed: 5,
                decode: SOCKS5.Reply.decode) == [])
    }
}

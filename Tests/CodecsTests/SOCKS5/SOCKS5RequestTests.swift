import Bytes
import CodecTesting
import Codecs
import Model
import Testing

@Suite("SOCKS5 request, RFC 1928 §4")
struct SOCKS5RequestTests {
    typealias Vector = (name: String, bytes: [UInt8], request: SOCKS5.Request)

    static let vectors: [Vector] = [
        (
            "connect to IPv4",
            hex(
                """
                05 01 00                // VER, CONNECT, RSV
                01 c0 00 02 01 00 50    // 192.0.2.1:80
                """),
            request(1, "192.0.2.1:80")
        ),
        (
            "connect to a name",
            hex(
                """
                05 01 00                                      // VER, CONNECT, RSV
                03 0b 65 78 61 6d 70 6c 65 2e 63 6f 6d 01 bb  // example.com:443
                """),
            request(1, name: "example.com", 443)
        ),
        (
            "connect to IPv6",
            hex(
                """
                05 01 00
                04 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 1f 90  // [2001:db8::1]:8080
                """),
            request(1, "[2001:db8::1]:8080")
        ),
        ("associate", hex("05 03 00 01 00 00 00 00 00 00"), request(3, "0.0.0.0:0")),
        ("bind", hex("05 02 00 01 0a 00 00 01 00 15"), request(2, "10.0.0.1:21")),
        ("gost's UDP over TCP", hex("05 f3 00 01 00 00 00 00 00 00"), request(0xf3, "0.0.0.0:0")),
        ("an unknown command", hex("05 ff 00 01 7f 00 00 01 00 01"), request(255, "127.0.0.1:1")),
        ("one letter", hex("05 01 00 03 01 61 00 01"), request(1, name: "a", 1)),
    ]

    static func request(_ command: UInt8, _ endpoint: String) -> SOCKS5.Request {
        guard let endpoint = Endpoint(endpoint) else { preconditionFailure("a mistyped endpoint") }
        return .init(command: .init(rawValue: command), destination: Destination(endpoint))
    }

    static func request(_ command: UInt8, name: String, _ port: UInt16) -> SOCKS5.Request {
        .init(
            command: .init(rawValue: command),
            destination: Destination(host: .name(name), port: port))
    }

    @Test(arguments: vectors)
    func `a request is decoded whole and encoded back`(vector: Vector) {
        #expect(
            checkEveryPrefix(
                of: vector.bytes, gives: vector.request, decode: SOCKS5.Request.decode) == [])
        let bytes = [UInt8](capacity: SOCKS5.Request.maximumByteCount) { writer in
            let isWritten = vector.request.encode(into: &writer)
            #expect(isWritten)
        }
        #expect(bytes == vector.bytes)
    }

    @Test func `the reserved byte is ignored`() {
        #expect(
            decode(hex("05 01 77 01 c0 00 02 01 00 50"), by: SOCKS5.Request.decode)
                == .value(Self.request(1, "192.0.2.1:80"), bytesConsumed: 10))
    }

    @Test(arguments: [
        ("IPv4", "192.0.2.7"), ("IPv6", "2001:db8::7"), ("mapped IPv4", "::ffff:192.0.2.7"),
    ])
    func `a name that is an address becomes one`(name: String, text: String) {
        let bytes = [5, 1, 0, 3, UInt8(text.utf8.count)] + Array(text.utf8) + [0, 9]
        guard case .value(let request, bytes.count) = decode(bytes, by: SOCKS5.Request.decode)
        else {
            Issue.record("not decoded")
            return
        }
        #expect(request.destination.host == IPAddress(text).map { .address($0) })
    }

    @Test func `a name in UDP ASSOCIATE that is none says nothing`() {
        let ofPySocks = hex("05 03 00 03 01 30 12 34")
        let nothing = SOCKS5.Request(
            command: .associate, destination: Destination(Endpoint(.anyV4, 0)))
        #expect(
            checkEveryPrefix(of: ofPySocks, gives: nothing, decode: SOCKS5.Request.decode) == [])
        #expect(
            decode(hex("05 01 00 03 01 30 12 34"), by: SOCKS5.Request.decode)
                == .fault(.invalidName))
    }

    @Test func `an IPv4 address in IPv6 form is the IPv4 address`() {
        let bytes = hex("05 01 00 04 00000000 00000000 0000ffff 7f000001 0050")
        #expect(
            decode(bytes, by: SOCKS5.Request.decode)
                == .value(Self.request(1, "127.0.0.1:80"), bytesConsumed: 22))
    }

    @Test(arguments: [
        ("another version", hex("04"), SOCKS5.Request.Fault.version(4), nil),
        (
            "address type 2", hex("05 01 00 02"), .unsupportedAddressType(2),
            SOCKS5.Reply.Code.addressTypeNotSupported
        ),
        ("an empty name", hex("05 01 00 03 00 00 50"), .invalidName, .hostUnreachable),
        ("a NUL in a name", hex("05 01 00 03 03 61 00 62 00 50"), .invalidName, .hostUnreachable),
    ])
    func `a fault tells what to answer`(
        name: String, bytes: [UInt8], fault: SOCKS5.Request.Fault, reply: SOCKS5.Reply.Code?
    ) {
        #expect(decode(bytes, by: SOCKS5.Request.decode) == .fault(fault))
        #expect(fault.reply == reply)
    }

    @Test func `a name over 255 bytes cannot be sent`() {
        let request = Self.request(1, name: String(repeating: "a", count: 256), 1)
        _ = [UInt8](capacity: 600) { writer in
            let isWritten = request.encode(into: &writer)
            #expect(!isWritten)
        }
    }

    @Test func `nothing a client sends traps`() {
        #expect(
            checkRandomInput(
                like: Self.vectors.map(\.bytes), rounds: 40_000, seed: 4,
                decode: SOCKS5.Request.decode) == [])
    }
}

import Bytes
import CodecTesting
import Codecs
import Model
import Testing

@Suite("SOCKS4 and 4a")
struct SOCKS4Tests {
    typealias Vector = (name: String, bytes: [UInt8], request: SOCKS4.Request)

    static let address = Destination(Endpoint(IPAddress(v4: 0xc000_0201), 80))
    static let vectors: [Vector] = [
        (
            "connect",
            hex(
                """
                04 01 00 50 c0 00 02 01    // VN, CONNECT, port 80, 192.0.2.1
                66 72 65 64 00             // fred
                """),
            .init(command: SOCKS4.Request.connect, destination: address, user: "fred")
        ),
        (
            "connect, nobody", hex("04 01 00 50 c0 00 02 01 00"),
            .init(command: SOCKS4.Request.connect, destination: address, user: "")
        ),
        (
            "bind", hex("04 02 00 50 c0 00 02 01 00"),
            .init(command: SOCKS4.Request.bind, destination: address, user: "")
        ),
        (
            "4a",
            hex(
                """
                04 01 01 bb 00 00 00 01                // VN, CONNECT, port 443, 0.0.0.1
                75 00                                  // u
                65 78 61 6d 70 6c 65 2e 63 6f 6d 00    // example.com
                """),
            .init(
                command: SOCKS4.Request.connect,
                destination: Destination(host: .name("example.com"), port: 443), user: "u")
        ),
        (
            "the zero address is an address", hex("04 01 00 50 00 00 00 00 00"),
            .init(
                command: SOCKS4.Request.connect, destination: Destination(Endpoint(.anyV4, 80)),
                user: "")
        ),
        (
            "an unknown command", hex("04 09 00 50 c0 00 02 01 00"),
            .init(command: 9, destination: address, user: "")
        ),
        (
            "the longest user",
            hex("04 01 00 50 c0 00 02 01")
                + [UInt8](repeating: 0x75, count: 255) + [0],
            .init(command: 1, destination: address, user: String(repeating: "u", count: 255))
        ),
    ]

    @Test(arguments: vectors)
    func `a request is decoded whole and encoded back`(vector: Vector) {
        #expect(
            checkEveryPrefix(
                of: vector.bytes, gives: vector.request, decode: SOCKS4.Request.decode) == [])
        let bytes = [UInt8](capacity: SOCKS4.Request.maximumByteCount) { writer in
            let isWritten = vector.request.encode(into: &writer)
            #expect(isWritten)
        }
        #expect(bytes == vector.bytes)
    }

    @Test(arguments: [
        ("another version", hex("05"), SOCKS4.Request.Fault.version(5)),
        (
            "a user without end",
            hex("04 01 00 50 c0 00 02 01")
                + [UInt8](repeating: 0x75, count: 256), .userTooLong
        ),
        (
            "a user of 256 bytes",
            hex("04 01 00 50 c0 00 02 01")
                + [UInt8](repeating: 0x75, count: 256) + [0], .userTooLong
        ),
        ("a user that is not text", hex("04 01 00 50 c0 00 02 01 ff 00"), .userNotText),
        (
            "a name without end",
            hex("04 01 00 50 00 00 00 05 00")
                + [UInt8](repeating: 0x61, count: 256), .nameTooLong
        ),
        (
            "a name of 256 bytes",
            hex("04 01 00 50 00 00 00 05 00")
                + [UInt8](repeating: 0x61, count: 256) + [0], .nameTooLong
        ),
        ("an empty name", hex("04 01 00 50 00 00 00 05 00 00"), .invalidName),
        ("a name with a line feed", hex("04 01 00 50 00 00 00 05 00 61 0a 62 00"), .invalidName),
    ])
    func `faults are told apart`(name: String, bytes: [UInt8], fault: SOCKS4.Request.Fault) {
        #expect(decode(bytes, by: SOCKS4.Request.decode) == .fault(fault))
    }

    @Test func `a 4a name that is an address becomes one`() {
        let bytes = hex("04 01 00 50 00 00 00 01 00 31 30 2e 30 2e 30 2e 31 00")
        #expect(
            decode(bytes, by: SOCKS4.Request.decode)
                == .value(
                    .init(
                        command: 1,
                        destination: Destination(Endpoint(IPAddress(v4: 0x0a00_0001), 80)), user: ""
                    ), bytesConsumed: 18))
    }

    @Test func `what SOCKS4 cannot say is not sent`() {
        let six = Destination(Endpoint(.loopbackV6, 1))
        for request in [
            SOCKS4.Request(command: 1, destination: six, user: ""),
            .init(command: 1, destination: Self.address, user: "a\0b"),
            .init(command: 1, destination: Self.address, user: String(repeating: "u", count: 256)),
        ] {
            let bytes = [UInt8](capacity: 600) { writer in
                let isWritten = request.encode(into: &writer)
                #expect(!isWritten)
            }
            #expect(bytes == [])
        }
    }

    @Test func `a reply is eight bytes`() {
        let rejected = [UInt8](capacity: SOCKS4.replyByteCount) {
            SOCKS4.encodeReply(.rejected, into: &$0)
        }
        #expect(rejected == hex("00 5b 00 00 00 00 00 00"))
        let granted = [UInt8](capacity: SOCKS4.replyByteCount) {
            SOCKS4.encodeReply(
                .granted, bound: Endpoint(IPAddress(v4: 0xc000_0201), 8080), into: &$0)
        }
        #expect(granted == hex("00 5a 1f 90 c0 00 02 01"))
        let six = [UInt8](capacity: SOCKS4.replyByteCount) {
            SOCKS4.encodeReply(.granted, bound: Endpoint(.loopbackV6, 80), into: &$0)
        }
        #expect(six == hex("00 5a 00 50 00 00 00 00"))
    }

    @Test func `nothing a client sends traps`() {
        #expect(
            checkRandomInput(
                like: Self.vectors.map(\.bytes), rounds: 40_000, seed: 7,
                decode: SOCKS4.Request.decode) == [])
    }
}

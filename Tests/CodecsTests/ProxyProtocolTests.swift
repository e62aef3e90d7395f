import Bytes
import CodecTesting
import Codecs
import Model
import Testing

@Suite("The PROXY protocol, versions 1 and 2")
struct ProxyProtocolTests {
    typealias Vector = (
        name: String, version: ProxyProtocol.Version, bytes: [UInt8], header: ProxyProtocol.Header
    )

    private static let signature = hex("0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a")

    private static func endpoint(_ text: String) -> Endpoint {
        guard let endpoint = Endpoint(text) else { preconditionFailure("no endpoint: \(text)") }
        return endpoint
    }

    private static func relayed(_ source: String, _ destination: String) -> ProxyProtocol.Header {
        .relayed(source: endpoint(source), destination: endpoint(destination))
    }

    /// Written as they are read.
    static let vectors: [Vector] = [
        (
            "a line for IPv4", .text, Array("PROXY TCP4 192.0.2.1 192.0.2.2 111 222\r\n".utf8),
            relayed("192.0.2.1:111", "192.0.2.2:222")
        ),
        (
            "the longest line for IPv4", .text,
            Array("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n".utf8),
            relayed("255.255.255.255:65535", "255.255.255.255:65535")
        ),
        (
            "a line for IPv6", .text,
            Array("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n".utf8),
            relayed("[2001:db8::1]:0", "[2001:db8::2]:65535")
        ),
        ("a line for nobody", .text, Array("PROXY UNKNOWN\r\n".utf8), .own),
        (
            "IPv4", .binary,
            signature + hex("21 11 00 0c c0 00 02 01 c0 00 02 02 00 6f 00 de"),
            relayed("192.0.2.1:111", "192.0.2.2:222")
        ),
        (
            "IPv6", .binary,
            signature
                + hex(
                    """
                    21 21 00 24
                    20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01
                    20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02
                    00 6f 00 de
                    """),
            relayed("[2001:db8::1]:111", "[2001:db8::2]:222")
        ),
        ("LOCAL", .binary, signature + hex("20 00 00 00"), .own),
    ]

    /// Read, and never written so.
    static let others: [Vector] = [
        (
            "the longest line for nobody", .text,
            Array(
                ("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                    + "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n").utf8), .own
        ),
        (
            "anything behind UNKNOWN", .text,
            Array("PROXY UNKNOWN \u{1} CR \r and ".utf8) + [0xff, 0, 0x0d, 0x0a], .own
        ),
        (
            "TLVs behind the addresses", .binary,
            signature
                + hex("21 11 00 13 c0 00 02 01 c0 00 02 02 00 6f 00 de 04 00 04 01 02 03 04"),
            relayed("192.0.2.1:111", "192.0.2.2:222")
        ),
        (
            "LOCAL with addresses", .binary,
            signature + hex("20 11 00 0c c0 00 02 01 c0 00 02 02 00 6f 00 de"), .own
        ),
        ("an unspecified family", .binary, signature + hex("21 00 00 03 01 02 03"), .own),
        (
            "datagrams", .binary,
            signature + hex("21 12 00 0c c0 00 02 01 c0 00 02 02 00 6f 00 de"), .own
        ),
        (
            "a UNIX socket", .binary,
            signature + hex("21 31 00 d8") + [UInt8](repeating: 0x2f, count: 216), .own
        ),
        (
            "the longest binary header", .binary,
            signature + hex("21 11 07 f0 c0 00 02 01 c0 00 02 02 00 6f 00 de")
                + [UInt8](repeating: 0x04, count: 2020),
            relayed("192.0.2.1:111", "192.0.2.2:222")
        ),
    ]

    @Test(arguments: vectors + others)
    func `a header is read whole and nothing behind it`(vector: Vector) {
        #expect(
            checkEveryPrefix(
                of: vector.bytes, gives: vector.header, decode: ProxyProtocol.decode) == [])
    }

    @Test(arguments: vectors)
    func `and written back`(vector: Vector) {
        let bytes = [UInt8](capacity: ProxyProtocol.maximumByteCount) {
            vector.header.encode(vector.version, into: &$0)
        }
        #expect(bytes == vector.bytes)
    }

    @Test(arguments: ProxyProtocol.Version.allCases)
    func `two families in one header are written as IPv6`(version: ProxyProtocol.Version) {
        let header = Self.relayed("[2001:db8::1]:1", "192.0.2.2:2")
        let bytes = [UInt8](capacity: ProxyProtocol.maximumByteCount) {
            header.encode(version, into: &$0)
        }
        #expect(
            decode(bytes, by: ProxyProtocol.decode) == .value(header, bytesConsumed: bytes.count))
    }

    @Test(arguments: ProxyProtocol.Version.allCases)
    func `the longest header fits`(version: ProxyProtocol.Version) {
        let address = IPAddress(high: .max, low: .max - 1)
        let header = ProxyProtocol.Header.relayed(
            source: Endpoint(address, .max), destination: Endpoint(address, .max))
        let bytes = [UInt8](capacity: ProxyProtocol.maximumByteCount) {
            header.encode(version, into: &$0)
        }
        #expect(
            decode(bytes, by: ProxyProtocol.decode) == .value(header, bytesConsumed: bytes.count))
    }

    @Test(arguments: [
        ("a request", "GET / HTTP/1.1\r\n"), ("POST", "POST"), ("nearly", "PROXI"),
        ("SOCKS", "\u{5}\u{1}\u{0}"), ("blank lines", "\r\n\r\nGET"), ("small letters", "proxy "),
    ])
    func `what is no header is told as soon as it is certain`(name: String, text: String) {
        #expect(decode(Array(text.utf8), by: ProxyProtocol.decode) == .fault(.absent))
    }

    @Test(arguments: [
        "PROXY\r\n", "PROXY \r\n", "PROXYTCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
        "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", "PROXY TCP4 name.example 192.0.2.2 1 2\r\n",
        "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", "PROXY UNKNOWNS\r\n", "PROXY unknown\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n", "PROXY TCP4 192.0.2.1\r 192.0.2.2 1 2\r\n",
    ])
    func `a line that breaks the grammar is a fault`(text: String) {
        #expect(decode(Array(text.utf8), by: ProxyProtocol.decode) == .fault(.malformedLine))
    }

    @Test(arguments: [
        ("version 1", hex("11 11 00 0c"), ProxyProtocol.Fault.version(1)),
        ("command 2", hex("22 11 00 0c"), .command(2)),
        ("family 4", hex("21 41 00 0c"), .family(0x41)),
        ("transport 3", hex("21 13 00 0c"), .family(0x13)),
        ("no room for IPv4", hex("21 11 00 0b"), .addressesMissing),
        ("no room for IPv6", hex("21 21 00 23"), .addressesMissing),
        ("one byte too long", hex("21 11 07 f1"), .tooLong),
        ("far too long", hex("20 00 ff ff"), .tooLong),
    ])
    func `binary faults are told from the fixed part alone`(
        name: String, bytes: [UInt8], fault: ProxyProtocol.Fault
    ) {
        #expect(decode(Self.signature + bytes, by: ProxyProtocol.decode) == .fault(fault))
    }

    @Test func `a line without end is not waited for`() {
        let long = Array("PROXY UNKNOWN ".utf8) + [UInt8](repeating: 0x61, count: 93)
        #expect(decode(long, by: ProxyProtocol.decode) == .fault(.tooLong))
        #expect(decode(long + [0x0d, 0x0a], by: ProxyProtocol.decode) == .fault(.tooLong))
    }

    @Test func `nothing a client sends traps`() {
        #expect(
            checkRandomInput(
                like: (Self.vectors + Self.others).map(\.bytes), rounds: 40_000, seed: 11,
                decode: ProxyProtocol.decode) == [])
    }
}

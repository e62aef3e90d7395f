import Bytes
import CodecTesting
import Codecs
import Model
import Testing

@Suite("SOCKS5 UDP header, RFC 1928 §7")
struct SOCKS5UDPHeaderTests {
    typealias Vector = (name: String, bytes: [UInt8], header: SOCKS5.UDPHeader)

    static let vectors: [Vector] = [
        (
            "IPv4", hex("00 00 00 01 08 08 08 08 00 35"),
            .init(destination: Destination(Endpoint(IPAddress(v4: 0x0808_0808), 53)))
        ),
        (
            "IPv6",
            hex("00 00 00 04 20 01 48 60 48 60 00 00 00 00 00 00 00 00 88 88 00 35"),
            .init(
                destination: Destination(
                    Endpoint(IPAddress(high: 0x2001_4860_4860_0000, low: 0x8888), 53)))
        ),
        (
            "a name", hex("00 00 00 03 03 64 6e 73 00 35"),
            .init(destination: Destination(host: .name("dns"), port: 53))
        ),
        (
            "a fragment", hex("00 00 81 01 08 08 08 08 00 35"),
            .init(
                fragment: 0x81, destination: Destination(Endpoint(IPAddress(v4: 0x0808_0808), 53)))
        ),
    ]

    @Test(arguments: vectors)
    func `a header is decoded whole and encoded back`(vector: Vector) {
        #expect(
            checkEveryPrefix(
                of: vector.bytes, gives: vector.header, decode: SOCKS5.UDPHeader.decode) == [])
        let bytes = [UInt8](capacity: 262) { writer in
            let isWritten = vector.header.encode(into: &writer)
            #expect(isWritten)
        }
        #expect(bytes == vector.bytes)
    }

    @Test(arguments: [
        ("no address type", hex("00 00 00 07"), SOCKS5.AddressFault.unsupportedType(7)),
        ("a name with a space", hex("00 00 00 03 02 61 20 00 35"), .invalidName),
    ])
    func `faults are told apart`(name: String, bytes: [UInt8], fault: SOCKS5.AddressFault) {
        #expect(decode(bytes, by: SOCKS5.UDPHeader.decode) == .fault(fault))
    }

    @Test func `nothing a client sends traps`() {
        #expect(
            checkRandomInput(
                like: Self.vectors.map(\.bytes), rounds: 40_000, seed: 6,
                decode: SOCKS5.UDPHeader.decode) == [])
    }
}

import Bytes
import CodecTesting
import Codecs
import Model
import Testing

@Suite("Datagrams on a SOCKS5 stream, gost's UDP over TCP")
struct SOCKS5StreamHeaderTests {
    typealias Vector = (name: String, bytes: [UInt8], header: SOCKS5.StreamHeader)

    static let vectors: [Vector] = [
        (
            "ping to 8.8.8.8:53", hex("00 04 ff 01 08 08 08 08 00 35"),
            .init(
                destination: Destination(Endpoint(IPAddress(v4: 0x0808_0808), 53)),
                payloadByteCount: 4)
        ),
        (
            "IPv6", hex("ff ff ff 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 52 5a"),
            .init(
                destination: Destination(Endpoint(.loopbackV6, 21_082)), payloadByteCount: 65_535)
        ),
        (
            "a name", hex("00 00 ff 03 07 65 78 61 6d 70 6c 65 00 35"),
            .init(
                destination: Destination(host: .name("example"), port: 53), payloadByteCount: 0)
        ),
    ]

    @Test(arguments: vectors)
    func `a header is read whole, and written back from a datagram's`(vector: Vector) throws {
        #expect(
            checkEveryPrefix(
                of: vector.bytes, gives: vector.header, decode: SOCKS5.StreamHeader.decode) == [])
        let destination = try #require(vector.header.destination)
        let datagramHeader = [UInt8](capacity: 262) {
            let isWritten = SOCKS5.UDPHeader(destination: destination).encode(into: &$0)
            #expect(isWritten)
        }
        let bytes = [UInt8](capacity: SOCKS5.StreamHeader.maximumByteCount) { writer in
            datagramHeader.withUnsafeBytes {
                SOCKS5.StreamHeader.encode(
                    payloadByteCount: vector.header.payloadByteCount, datagramHeader: $0,
                    into: &writer)
            }
        }
        #expect(bytes == vector.bytes)
    }

    @Test(arguments: [0, 1, 0xff] as [UInt8])
    func `any fragment number is taken, as in gost`(fragment: UInt8) {
        var bytes = Self.vectors[0].bytes
        bytes[2] = fragment
        #expect(
            decode(bytes, by: SOCKS5.StreamHeader.decode)
                == .value(Self.vectors[0].header, bytesConsumed: bytes.count))
    }

    @Test func `a name that must not be looked up is passed over with its frame`() {
        let bytes = hex("00 02 ff 03 02 61 0a 00 35 70 71")
        #expect(
            decode(bytes, by: SOCKS5.StreamHeader.decode)
                == .value(.init(destination: nil, payloadByteCount: 2), bytesConsumed: 9))
    }

    @Test func `an unknown kind of address is a fault: the frame has no end`() {
        #expect(
            decode(hex("00 01 ff 09"), by: SOCKS5.StreamHeader.decode)
                == .fault(.unsupportedAddressType(9)))
    }

    @Test func `nothing a client sends traps`() {
        #expect(
            checkRandomInput(
                like: Self.vectors.map(\.bytes), rounds: 40_000, seed: 13,
                decode: SOCKS5.StreamHeader.decode) == [])
    }
}

// The PROXY protocol §2.2
//
// offset  size  field
// 0       12    signature
// 12      1     version 2 << 4 | command: 0 = LOCAL, 1 = PROXY
// 13      1     family << 4 | transport: 1 = IPv4, 2 = IPv6, 3 = UNIX; 1 = stream, 2 = datagram
// 14      2     how many bytes follow
// 16      n     source and destination address, then ports: 12 bytes for IPv4, 36 for IPv6
// 16 + n        TLVs, left out

import Bytes
import Model

extension ProxyProtocol {
    /// What every binary header begins with; no other protocol does.
    static let signature: [UInt8] = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
    ]
    fileprivate static let local: UInt8 = 0x20
    fileprivate static let proxied: UInt8 = 0x21
    fileprivate static let streamV4: UInt8 = 0x11
    fileprivate static let streamV6: UInt8 = 0x21
    /// The part in front of the addresses.
    private static let fixedByteCount = 16

    static func decodeBinary(_ bytes: RawSpan) -> Decoded<Header, Fault> {
        guard agree(bytes, signature) else { return .fault(.absent) }
        var reader = ByteReader(bytes)
        guard reader.skip(signature.count), let command = reader.readUInt8(),
            let family = reader.readUInt8(), let count = reader.readUInt16()
        else { return .needs(moreBytes: fixedByteCount - bytes.byteCount) }
        guard command >> 4 == 2 else { return .fault(.version(command >> 4)) }
        guard command == local || command == proxied else {
            return .fault(.command(command & 0xf))
        }
        guard family >> 4 <= 3, family & 0xf <= 2 else { return .fault(.family(family)) }
        let (end, hasAddresses) = (fixedByteCount + Int(count), command == proxied)
        guard end <= Limits.proxyHeaderBytes else { return .fault(.tooLong) }
        if hasAddresses, count < addressByteCount(family) { return .fault(.addressesMissing) }
        guard bytes.byteCount >= end else { return .needs(moreBytes: end - bytes.byteCount) }
        guard hasAddresses, addressByteCount(family) > 0,
            let source = address(&reader, family), let destination = address(&reader, family),
            let from = reader.readUInt16(), let to = reader.readUInt16()
        else { return .value(.own, bytesConsumed: end) }
        return .value(
            .relayed(source: Endpoint(source, from), destination: Endpoint(destination, to)),
            bytesConsumed: end)
    }

    /// What two addresses and ports take; 0 for families whose addresses mean nothing to us.
    private static func addressByteCount(_ family: UInt8) -> UInt16 {
        switch family {
        case streamV4: 12
        case streamV6: 36
        default: 0
        }
    }

    private static func address(_ reader: inout ByteReader, _ family: UInt8) -> IPAddress? {
        if family == streamV4 { return reader.readUInt32().map { IPAddress(v4: $0) } }
        guard let high = reader.readUInt64(), let low = reader.readUInt64() else { return nil }
        return IPAddress(high: high, low: low)
    }
}

extension ProxyProtocol.Header {
    func encodeBinary(into writer: inout ByteWriter) {
        writer.write(ProxyProtocol.signature.span.bytes)
        switch self {
        case .own:
            writer.write(ProxyProtocol.local)
            writer.write(UInt8(0))
            writer.write(UInt16(0))
        case .relayed(let source, let destination):
            let isV4 = source.address.isV4 && destination.address.isV4
            writer.write(ProxyProtocol.proxied)
            writer.write(isV4 ? ProxyProtocol.streamV4 : ProxyProtocol.streamV6)
            writer.write(UInt16(isV4 ? 12 : 36))
            for address in [source.address, destination.address] {
                if isV4 {
                    writer.write(address.v4Bits)
                } else {
                    writer.write(address.high)
                    writer.write(address.low)
                }
            }
            writer.write(source.port)
            writer.write(destination.port)
        }
    }
}

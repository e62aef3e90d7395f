// RFC 1928 §5, as it stands in requests, replies and UDP headers
//
// offset    size  field
// 0         1     ATYP: 1 = IPv4, 3 = name, 4 = IPv6
// 1         n     ADDR: 4 bytes, 1 length byte and the name, or 16 bytes
// 1 + n     2     PORT

import Bytes
import Model

extension SOCKS5 {
    /// Why bytes name no destination.
    package enum AddressFault: Hashable, Sendable {
        /// A byte other than 1, 3 and 4.
        case unsupportedType(UInt8)
        /// A name that must never be looked up: see `Destination.Host.init(text:)`.
        case invalidName
    }

    /// The longest address: type, length, name, port.
    static let addressByteCountMax = 1 + 1 + 255 + 2

    private static let typeV4: UInt8 = 1
    private static let typeName: UInt8 = 3
    private static let typeV6: UInt8 = 4

    /// Reads type, address and port where `reader` stands. Only names allocate.
    /// `bytesConsumed` counts from the start of the reader's bytes.
    static func decodeAddress(_ reader: inout ByteReader) -> Decoded<Destination, AddressFault> {
        // The shortest address is a name of one byte: type, length, name, port.
        guard let type = reader.readUInt8() else { return .needs(moreBytes: 5) }
        switch type {
        case typeV4:
            guard reader.remaining >= 6 else { return .needs(moreBytes: 6 - reader.remaining) }
            guard let bits = reader.readUInt32(), let port = reader.readUInt16()
            else { return .needs(moreBytes: 1) }
            let destination = Destination(Endpoint(IPAddress(v4: bits), port))
            return .value(destination, bytesConsumed: reader.position)
        case typeV6:
            guard reader.remaining >= 18 else { return .needs(moreBytes: 18 - reader.remaining) }
            guard let high = reader.readUInt64(), let low = reader.readUInt64(),
                let port = reader.readUInt16()
            else { return .needs(moreBytes: 1) }
            let destination = Destination(Endpoint(IPAddress(high: high, low: low), port))
            return .value(destination, bytesConsumed: reader.position)
        case typeName:
            return decodeName(&reader)
        default:
            return .fault(.unsupportedType(type))
        }
    }

    private static func decodeName(_ reader: inout ByteReader)
        -> Decoded<Destination, AddressFault>
    {
        guard let count = reader.readUInt8() else { return .needs(moreBytes: 4) }
        guard reader.remaining >= Int(count) + 2 else {
            return .needs(moreBytes: Int(count) + 2 - reader.remaining)
        }
        guard let text = reader.read(Int(count)), let port = reader.readUInt16()
        else { return .needs(moreBytes: 1) }
        guard let host = Destination.Host(text: text) else { return .fault(.invalidName) }
        return .value(Destination(host: host, port: port), bytesConsumed: reader.position)
    }

    /// Writes type, address and port; false, and nothing is written, for a name over 255 bytes.
    static func encodeAddress(_ destination: Destination, into writer: inout ByteWriter) -> Bool {
        switch destination.host {
        case .address(let address):
            encodeAddress(Endpoint(address, destination.port), into: &writer)
            return true
        case .name(let name):
            guard let count = UInt8(exactly: name.utf8.count) else { return false }
            writer.write(typeName)
            writer.write(count)
            writer.write(name)
            writer.write(destination.port)
            return true
        }
    }

    /// Writes type, address and port: 7 or 19 bytes.
    static func encodeAddress(_ endpoint: Endpoint, into writer: inout ByteWriter) {
        if endpoint.address.isV4 {
            writer.write(typeV4)
            writer.write(endpoint.address.v4Bits)
        } else {
            writer.write(typeV6)
            writer.write(endpoint.address.high)
            writer.write(endpoint.address.low)
        }
        writer.write(endpoint.port)
    }
}

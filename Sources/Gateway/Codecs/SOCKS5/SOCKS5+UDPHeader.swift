// RFC 1928 §7, in front of every datagram between client and server
//
// offset  size  field
// 0       2     RSV; any value is taken, 0 is sent
// 2       1     FRAG, 0 = not fragmented
// 3       n     ATYP, DST.ADDR, DST.PORT: see SOCKS5+Address.swift
// 3 + n         the payload

package import Bytes
package import Model

extension SOCKS5 {
    /// The header of a datagram to or from an association.
    package struct UDPHeader: Hashable, Sendable {
        /// The longest header that is written for an address: IPv6.
        package static let maximumByteCount = 3 + 19

        /// The fragment number; a server that does not reassemble drops what is not 0.
        package let fragment: UInt8
        /// Where the payload goes, or in the other direction where it came from. Names allocate,
        /// addresses do not.
        package let destination: Destination

        package init(fragment: UInt8 = 0, destination: Destination) {
            self.fragment = fragment
            self.destination = destination
        }
    }
}

extension SOCKS5.UDPHeader {
    /// Reads the header of one datagram; `bytesConsumed` is where its payload starts. `needs`
    /// means that the datagram was cut short.
    package static func decode(_ datagram: RawSpan) -> Decoded<Self, SOCKS5.AddressFault> {
        var reader = ByteReader(datagram)
        guard reader.skip(2), let fragment = reader.readUInt8()
        else { return .needs(moreBytes: 8 - datagram.byteCount) }
        switch SOCKS5.decodeAddress(&reader) {
        case .needs(let count):
            return .needs(moreBytes: count)
        case .fault(let fault):
            return .fault(fault)
        case .value(let destination, let count):
            return .value(
                Self(fragment: fragment, destination: destination), bytesConsumed: count)
        }
    }

    /// The size of the header for an address: 10 or 22.
    package static func byteCount(for endpoint: Endpoint) -> Int {
        endpoint.address.isV4 ? 10 : 22
    }

    /// Writes the header of a whole datagram for an address.
    package static func encode(_ endpoint: Endpoint, into writer: inout ByteWriter) {
        writer.write(UInt16(0))
        writer.write(UInt8(0))
        SOCKS5.encodeAddress(endpoint, into: &writer)
    }

    /// Writes the header; false where the name is over 255 bytes, and then what was written is to
    /// be discarded. For clients and tests; takes up to 262 bytes.
    package func encode(into writer: inout ByteWriter) -> Bool {
        writer.write(UInt16(0))
        writer.write(fragment)
        return SOCKS5.encodeAddress(destination, into: &writer)
    }
}

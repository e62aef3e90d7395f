// gost's UDP over TCP, command 0xF3: datagrams framed on the stream behind the reply
//
// offset  size  field
// 0       2     RSV: the payload's length
// 2       1     FRAG: 0xFF is sent, any value is taken
// 3       n     ATYP, DST.ADDR, DST.PORT: see SOCKS5+Address.swift
// 3 + n         the payload
//
// RSV 0 is read as an empty datagram and never sent: to gost it says that the payload goes on to
// the end of whatever was read at once.

package import Bytes
package import Model

extension SOCKS5 {
    /// What stands in front of every datagram on a stream.
    package struct StreamHeader: Hashable, Sendable {
        /// The longest header: with a name of 255 bytes.
        package static let maximumByteCount = 3 + SOCKS5.addressByteCountMax

        /// Where the payload goes, or came from; nil for a name that must never be looked up.
        package let destination: Destination?
        /// The bytes that follow, 0...65,535.
        package let payloadByteCount: Int

        package init(destination: Destination?, payloadByteCount: Int) {
            self.destination = destination
            self.payloadByteCount = payloadByteCount
        }

        /// Why the stream cannot be read any further.
        package enum Fault: Hashable, Sendable {
            /// An ATYP other than 1, 3 and 4: where the frame ends is not known.
            case unsupportedAddressType(UInt8)
        }
    }
}

extension SOCKS5.StreamHeader {
    /// Reads the header of the next frame; the payload follows what it takes.
    package static func decode(_ bytes: RawSpan) -> Decoded<Self, Fault> {
        var reader = ByteReader(bytes)
        guard let count = reader.readUInt16(), reader.skip(1)
        else { return .needs(moreBytes: 8 - bytes.byteCount) }
        switch SOCKS5.decodeAddress(&reader) {
        case .needs(let count):
            return .needs(moreBytes: count)
        case .fault(.unsupportedType(let type)):
            return .fault(.unsupportedAddressType(type))
        case .fault(.invalidName):
            let header = Self(destination: nil, payloadByteCount: Int(count))
            return .value(header, bytesConsumed: reader.position)
        case .value(let destination, let taken):
            let header = Self(destination: destination, payloadByteCount: Int(count))
            return .value(header, bytesConsumed: taken)
        }
    }

    /// Writes a header whose address is the one of a datagram's header (`SOCKS5.UDPHeader`): of the
    /// same size, and the payload's length in front.
    package static func encode(
        payloadByteCount: Int, datagramHeader: UnsafeRawBufferPointer, into writer: inout ByteWriter
    ) {
        precondition(payloadByteCount <= Int(UInt16.max), "a datagram is shorter than 64 KiB")
        writer.write(UInt16(payloadByteCount))
        writer.write(UInt8(0xff))
        writer.write(UnsafeRawBufferPointer(rebasing: datagramHeader[3...]).bytes)
    }
}

// RFC 1928 §4
//
// offset  size  field
// 0       1     VER = 5
// 1       1     CMD: 1 = CONNECT, 2 = BIND, 3 = UDP ASSOCIATE
// 2       1     RSV; any value is taken
// 3       n     ATYP, DST.ADDR, DST.PORT: see SOCKS5+Address.swift

package import Bytes
package import Model

extension SOCKS5 {
    /// What a client asks for, by its number on the wire.
    package struct Command: Hashable, Sendable {
        /// The number; policy answers those it does not know with `.commandNotSupported`.
        package let rawValue: UInt8

        /// A command by number; all 256 are representable.
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// A TCP connection to the destination.
        package static let connect = Command(rawValue: 1)
        /// One TCP connection from the destination.
        package static let bind = Command(rawValue: 2)
        /// UDP through the server; the address is where the client will send from, or zero.
        package static let associate = Command(rawValue: 3)
        /// gost: UDP datagrams framed on this TCP stream.
        package static let udpOverTCP = Command(rawValue: 0xf3)
    }

    /// A command and its address.
    package struct Request: Hashable, Sendable {
        /// The longest request.
        package static let maximumByteCount = 3 + SOCKS5.addressByteCountMax

        /// What is asked for, known or not.
        package let command: Command
        /// DST.ADDR and DST.PORT; port 0 is kept, names allocate.
        package let destination: Destination

        package init(command: Command, destination: Destination) {
            self.command = command
            self.destination = destination
        }

        /// Why bytes are no request.
        package enum Fault: Hashable, Sendable {
            /// The first byte was not 5.
            case version(UInt8)
            /// ATYP was not 1, 3 or 4.
            case unsupportedAddressType(UInt8)
            /// A name that must never be dialled.
            case invalidName

            /// What to answer; nil where the peer does not speak SOCKS5 at all.
            package var reply: Reply.Code? {
                switch self {
                case .version: nil
                case .unsupportedAddressType: .addressTypeNotSupported
                case .invalidName: .hostUnreachable
                }
            }
        }
    }
}

extension SOCKS5.Request {
    /// Reads a request from the bytes received so far.
    ///
    /// UDP ASSOCIATE names where the client will send from, which is never looked up: a name that
    /// is none (PySocks sends `0`) reads as the unspecified address.
    package static func decode(_ bytes: RawSpan) -> Decoded<Self, Fault> {
        var reader = ByteReader(bytes)
        guard let version = reader.readUInt8() else { return .needs(moreBytes: 8) }
        guard version == SOCKS5.version else { return .fault(.version(version)) }
        guard let command = reader.readUInt8() else { return .needs(moreBytes: 7) }
        guard reader.skip(1) else { return .needs(moreBytes: 6) }
        switch SOCKS5.decodeAddress(&reader) {
        case .needs(let count):
            return .needs(moreBytes: count)
        case .fault(.unsupportedType(let type)):
            return .fault(.unsupportedAddressType(type))
        case .fault(.invalidName):
            guard command == SOCKS5.Command.associate.rawValue else { return .fault(.invalidName) }
            let unspecified = Destination(Endpoint(.anyV4, 0))
            return .value(
                Self(command: .associate, destination: unspecified),
                bytesConsumed: reader.position)
        case .value(let destination, let count):
            let request = Self(command: .init(rawValue: command), destination: destination)
            return .value(request, bytesConsumed: count)
        }
    }

    /// Writes the request; false where the name is over 255 bytes, and then what was written is to
    /// be discarded.
    package func encode(into writer: inout ByteWriter) -> Bool {
        writer.write(SOCKS5.version)
        writer.write(command.rawValue)
        writer.write(UInt8(0))
        return SOCKS5.encodeAddress(destination, into: &writer)
    }
}

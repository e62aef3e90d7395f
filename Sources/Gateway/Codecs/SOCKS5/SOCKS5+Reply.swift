// RFC 1928 §6
//
// offset  size  field
// 0       1     VER = 5
// 1       1     REP
// 2       1     RSV = 0
// 3       n     ATYP, BND.ADDR, BND.PORT: see SOCKS5+Address.swift

package import Bytes
package import Model

extension SOCKS5 {
    /// A server's answer to a request.
    package struct Reply: Hashable, Sendable {
        /// The longest reply that this gateway sends: IPv6.
        package static let maximumByteCount = 3 + 19

        /// How the request went (REP).
        package enum Code: UInt8, Hashable, Sendable, CaseIterable {
            /// It is done; relaying begins behind the reply.
            case succeeded = 0
            /// Nothing more precise is true.
            case generalFailure = 1
            /// Refused by the rules.
            case notAllowed = 2
            /// No route to the destination's network.
            case networkUnreachable = 3
            /// The host does not answer, or its name leads nowhere.
            case hostUnreachable = 4
            /// The host refuses.
            case connectionRefused = 5
            /// It took too long. The RFC's name; timeouts are answered with it.
            case ttlExpired = 6
            /// The server does not do this command.
            case commandNotSupported = 7
            /// ATYP is none of the three.
            case addressTypeNotSupported = 8
        }

        /// How the request went.
        package let code: Code
        /// BND.ADDR and BND.PORT: the server's end; `0.0.0.0:0` in failures.
        package let bound: Destination

        package init(_ code: Code, bound: Destination) {
            self.code = code
            self.bound = bound
        }

        /// Why bytes are no reply.
        package enum Fault: Hashable, Sendable {
            /// The first byte was not 5.
            case version(UInt8)
            /// REP above 8.
            case unknownCode(UInt8)
            /// ATYP was not 1, 3 or 4.
            case unsupportedAddressType(UInt8)
            /// A bound address given as a name that is none.
            case invalidName
        }
    }
}

extension SOCKS5.Reply {
    /// Writes a reply with the server's end of what it opened: 10 or 22 bytes. In failures leave
    /// `bound` out.
    package static func encode(
        _ code: Code, bound: Endpoint = Endpoint(.anyV4, 0), into writer: inout ByteWriter
    ) {
        writer.write(SOCKS5.version)
        writer.write(code.rawValue)
        writer.write(UInt8(0))
        SOCKS5.encodeAddress(bound, into: &writer)
    }

    /// Reads a reply, as a client.
    package static func decode(_ bytes: RawSpan) -> Decoded<Self, Fault> {
        var reader = ByteReader(bytes)
        guard let version = reader.readUInt8() else { return .needs(moreBytes: 8) }
        guard version == SOCKS5.version else { return .fault(.version(version)) }
        guard let rawCode = reader.readUInt8() else { return .needs(moreBytes: 7) }
        guard let code = Code(rawValue: rawCode) else { return .fault(.unknownCode(rawCode)) }
        guard reader.skip(1) else { return .needs(moreBytes: 6) }
        switch SOCKS5.decodeAddress(&reader) {
        case .needs(let count):
            return .needs(moreBytes: count)
        case .fault(.unsupportedType(let type)):
            return .fault(.unsupportedAddressType(type))
        case .fault(.invalidName):
            return .fault(.invalidName)
        case .value(let bound, let count):
            return .value(Self(code, bound: bound), bytesConsumed: count)
        }
    }
}

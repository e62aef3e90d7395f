// SOCKS: A protocol for TCP proxy across firewalls (Ying-Da Lee), and SOCKS 4A (the same)
//
// client → server                           server → client
// offset  size  field                       offset  size  field
// 0       1     VN = 4                      0       1     VN = 0
// 1       1     CD: 1 = CONNECT, 2 = BIND   1       1     CD: 90 = granted, 91… = not
// 2       2     DSTPORT                     2       2     DSTPORT, used by BIND only
// 4       4     DSTIP; 0.0.0.x, x ≠ 0: 4a   4       4     DSTIP, used by BIND only
// 8       n     USERID, then NUL
// 9 + n   m     4a only: the name, then NUL

package import Bytes
package import Model

/// SOCKS versions 4 and 4a, messages only.
package enum SOCKS4 {
    /// The first byte of a request.
    package static let version: UInt8 = 4
    /// The longest user id and the longest name. The protocol has no bound; this is SOCKS5's.
    package static let fieldBytesMax = 255

    /// A command and its address.
    package struct Request: Hashable, Sendable {
        /// The longest request.
        package static let maximumByteCount = 8 + 2 * (fieldBytesMax + 1)

        /// What is asked for, by number: 1 connects, 2 binds, anything else is to be rejected.
        package let command: UInt8
        /// Where to; a name only in 4a. Port 0 is kept.
        package let destination: Destination
        /// The user id, unproven; often empty.
        package let user: String

        package init(command: UInt8, destination: Destination, user: String) {
            self.command = command
            self.destination = destination
            self.user = user
        }

        /// CD of a request for a connection.
        package static let connect: UInt8 = 1
        /// CD of a request for a connection from the destination.
        package static let bind: UInt8 = 2

        /// Why bytes are no request. All but `version` are answered with `.rejected`.
        package enum Fault: Hashable, Sendable {
            /// The first byte was not 4.
            case version(UInt8)
            /// A user id of more than 255 bytes.
            case userTooLong
            /// A user id that is not UTF-8.
            case userNotText
            /// A name of more than 255 bytes.
            case nameTooLong
            /// A name that must never be dialled.
            case invalidName
        }
    }

    /// CD of a reply.
    package enum ReplyCode: UInt8, Hashable, Sendable, CaseIterable {
        /// It is done; relaying begins behind the reply.
        case granted = 90
        /// Rejected or failed.
        case rejected = 91
        /// The client's identd could not be reached.
        case noIdentd = 92
        /// The client's identd tells another user.
        case otherUser = 93
    }

    /// The size of a reply.
    package static let replyByteCount = 8

    /// Writes a reply. `bound` matters for BIND only and must be IPv4, else zero is sent.
    package static func encodeReply(
        _ code: ReplyCode, bound: Endpoint = Endpoint(.anyV4, 0), into writer: inout ByteWriter
    ) {
        writer.write(UInt8(0))
        writer.write(code.rawValue)
        writer.write(bound.port)
        writer.write(bound.address.isV4 ? bound.address.v4Bits : 0)
    }
}

extension SOCKS4.Request {
    /// Reads a request from the bytes received so far.
    package static func decode(_ bytes: RawSpan) -> Decoded<Self, Fault> {
        var reader = ByteReader(bytes)
        guard let version = reader.readUInt8() else { return .needs(moreBytes: 9) }
        guard version == SOCKS4.version else { return .fault(.version(version)) }
        guard reader.remaining >= 7 else { return .needs(moreBytes: 8 - reader.remaining) }
        guard let command = reader.readUInt8(), let port = reader.readUInt16(),
            let bits = reader.readUInt32()
        else { return .needs(moreBytes: 1) }
        let hasName = bits >> 8 == 0 && bits != 0

        guard let user = reader.read(upTo: 0) else {
            if reader.remaining > SOCKS4.fieldBytesMax { return .fault(.userTooLong) }
            return .needs(moreBytes: hasName ? 2 : 1)
        }
        guard user.byteCount <= SOCKS4.fieldBytesMax else { return .fault(.userTooLong) }
        guard let user = String(utf8: user) else { return .fault(.userNotText) }

        var host = Destination.Host.address(IPAddress(v4: bits))
        if hasName {
            guard let text = reader.read(upTo: 0) else {
                if reader.remaining > SOCKS4.fieldBytesMax { return .fault(.nameTooLong) }
                return .needs(moreBytes: 1)
            }
            guard text.byteCount <= SOCKS4.fieldBytesMax else { return .fault(.nameTooLong) }
            guard let name = Destination.Host(text: text) else { return .fault(.invalidName) }
            host = name
        }
        let request = Self(
            command: command, destination: Destination(host: host, port: port), user: user)
        return .value(request, bytesConsumed: reader.position)
    }

    /// Writes the request, as 4a where the destination is a name; false, and nothing is written,
    /// for an IPv6 address and for text that has a NUL or over 255 bytes.
    package func encode(into writer: inout ByteWriter) -> Bool {
        let name = destination.name ?? ""
        guard [user, name].allSatisfy({ $0.utf8.count <= SOCKS4.fieldBytesMax }),
            ![user, name].contains(where: { $0.utf8.contains(0) })
        else { return false }
        let bits: UInt32
        switch destination.host {
        case .address(let address):
            guard address.isV4 else { return false }
            bits = address.v4Bits
        case .name:
            bits = 1
        }
        writer.write(SOCKS4.version)
        writer.write(command)
        writer.write(destination.port)
        writer.write(bits)
        writer.write(user)
        writer.write(UInt8(0))
        if destination.name != nil {
            writer.write(name)
            writer.write(UInt8(0))
        }
        return true
    }
}

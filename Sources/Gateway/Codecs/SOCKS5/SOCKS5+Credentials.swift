// RFC 1929 §2
//
// client → server                      server → client
// offset    size  field                offset  size  field
// 0         1     VER = 1              0       1     VER = 1
// 1         1     ULEN                 1       1     STATUS, 0 = accepted
// 2         ULEN  UNAME
// 2 + ULEN  1     PLEN
// 3 + ULEN  PLEN  PASSWD

package import Bytes

extension SOCKS5 {
    /// A user name and password as sent. Both allocate their text.
    package struct Credentials: Hashable, Sendable {
        /// The version of this sub-negotiation.
        package static let version: UInt8 = 1
        /// The longest message.
        package static let maximumByteCount = 3 + 255 + 255
        /// The size of the server's answer.
        package static let replyByteCount = 2

        /// 0...255 bytes. Empty is against the RFC, which asks for at least one; policy decides.
        package let username: String
        /// 0...255 bytes, possibly empty.
        package let password: String

        package init(username: String, password: String) {
            self.username = username
            self.password = password
        }

        /// Why bytes are no credentials.
        package enum Fault: Hashable, Sendable {
            /// The first byte was not 1; there is no answer in the protocol.
            case version(UInt8)
            /// A part is not UTF-8, so it equals no configured user: answer with failure.
            case notText
        }
    }
}

extension SOCKS5.Credentials {
    /// Reads credentials from the bytes received so far.
    package static func decode(_ bytes: RawSpan) -> Decoded<Self, Fault> {
        var reader = ByteReader(bytes)
        guard let version = reader.readUInt8() else { return .needs(moreBytes: 3) }
        guard version == Self.version else { return .fault(.version(version)) }
        guard let nameCount = reader.readUInt8() else { return .needs(moreBytes: 2) }
        guard let name = reader.read(Int(nameCount)) else {
            return .needs(moreBytes: Int(nameCount) - reader.remaining + 1)
        }
        guard let passwordCount = reader.readUInt8() else { return .needs(moreBytes: 1) }
        guard let password = reader.read(Int(passwordCount)) else {
            return .needs(moreBytes: Int(passwordCount) - reader.remaining)
        }
        guard let name = String(utf8: name), let password = String(utf8: password)
        else { return .fault(.notText) }
        return .value(
            Self(username: name, password: password), bytesConsumed: reader.position)
    }

    /// Writes the credentials; false, and nothing is written, where a part is over 255 bytes.
    package func encode(into writer: inout ByteWriter) -> Bool {
        guard let nameCount = UInt8(exactly: username.utf8.count),
            let passwordCount = UInt8(exactly: password.utf8.count)
        else { return false }
        writer.write(Self.version)
        writer.write(nameCount)
        writer.write(username)
        writer.write(passwordCount)
        writer.write(password)
        return true
    }

    /// Writes the server's answer.
    package static func encodeReply(accepted: Bool, into writer: inout ByteWriter) {
        writer.write(version)
        writer.write(accepted ? UInt8(0) : 1)
    }

    /// Reads the server's answer, as a client: whether it accepted.
    package static func decodeReply(_ bytes: RawSpan) -> Decoded<Bool, Fault> {
        var reader = ByteReader(bytes)
        guard let version = reader.readUInt8() else { return .needs(moreBytes: 2) }
        guard version == Self.version else { return .fault(.version(version)) }
        guard let status = reader.readUInt8() else { return .needs(moreBytes: 1) }
        return .value(status == 0, bytesConsumed: reader.position)
    }
}

extension String {
    /// The text of UTF-8 bytes; nil where they are not UTF-8. Never repairs.
    init?(utf8 bytes: RawSpan) {
        guard let text = bytes.withUnsafeBytes({ String(validating: $0, as: UTF8.self) })
        else { return nil }
        self = text
    }
}

import Bytes
import Codecs
import Model

/// What SOCKS clients say, byte for byte.
enum SOCKSBytes {
    static let greeting: [UInt8] = [5, 1, 0]
    static let loginGreeting: [UInt8] = [5, 1, 2]
    /// The answer to `greeting`.
    static let open: [UInt8] = [5, 0]

    /// RFC 1929 §2.
    static func credentials(_ user: String, _ password: String) -> [UInt8] {
        [1, UInt8(user.utf8.count)] + user.utf8 + [UInt8(password.utf8.count)] + password.utf8
    }

    /// RFC 1928 §4 with an address.
    static func request(_ command: UInt8, _ address: String, _ port: UInt16) -> [UInt8] {
        guard let address = IPAddress(address) else { preconditionFailure("no address") }
        let bytes = address.isV4 ? (12..<16).map { address[$0] } : (0..<16).map { address[$0] }
        return [5, command, 0, address.isV4 ? 1 : 4] + bytes + big(port)
    }

    /// RFC 1928 §4 with a name.
    static func request(_ command: UInt8, name: String, _ port: UInt16) -> [UInt8] {
        [5, command, 0, 3, UInt8(name.utf8.count)] + name.utf8 + big(port)
    }

    /// A reply's code and bound endpoint; nil where the bytes are no whole reply.
    static func reply(_ bytes: [UInt8]) -> (code: SOCKS5.Reply.Code, bound: Endpoint)? {
        guard case .value(let reply, _) = SOCKS5.Reply.decode(bytes.span.bytes),
            case .address(let address) = reply.bound.host
        else { return nil }
        return (reply.code, Endpoint(address, reply.bound.port))
    }

    /// RFC 1928 §7 in front of a payload.
    static func datagram(_ destination: Endpoint, _ payload: [UInt8], fragment: UInt8 = 0)
        -> [UInt8]
    {
        var bytes = [UInt8](capacity: SOCKS5.UDPHeader.maximumByteCount) {
            SOCKS5.UDPHeader.encode(destination, into: &$0)
        }
        bytes[2] = fragment
        return bytes + payload
    }

    static func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }
}

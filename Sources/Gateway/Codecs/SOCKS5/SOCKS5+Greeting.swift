// RFC 1928 §3
//
// client → server                      server → client
// offset  size      field              offset  size  field
// 0       1         VER = 5            0       1     VER = 5
// 1       1         NMETHODS           1       1     METHOD, 255 = none acceptable
// 2       NMETHODS  METHODS

package import Bytes

extension SOCKS5 {
    /// A way to authenticate, by its number on the wire.
    package struct Method: Hashable, Sendable {
        /// The number.
        package let rawValue: UInt8

        /// A method by number; all 256 are representable.
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// No authentication.
        package static let open = Method(rawValue: 0x00)
        /// GSSAPI (RFC 1961); offered by some clients, never chosen.
        package static let gssapi = Method(rawValue: 0x01)
        /// User name and password (RFC 1929).
        package static let password = Method(rawValue: 0x02)
        /// gost: TLS on the same stream after the reply.
        package static let tls = Method(rawValue: 0x80)
        /// gost: TLS, then user name and password inside it.
        package static let tlsPassword = Method(rawValue: 0x82)
        /// In a reply: none of those offered; the client must close.
        package static let noneAcceptable = Method(rawValue: 0xff)
    }

    /// What a client offers first.
    package struct Greeting: Hashable, Sendable {
        /// The longest greeting.
        package static let maximumByteCount = 2 + 255

        private var offered: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

        /// A greeting that offers `methods`.
        package init(_ methods: some Sequence<Method>) {
            for method in methods { insert(method) }
        }

        /// Whether the client offers `method`. An offer of nothing is well-formed.
        package func offers(_ method: Method) -> Bool {
            let bit = UInt64(1) << UInt64(method.rawValue & 63)
            switch method.rawValue >> 6 {
            case 0: return offered.0 & bit != 0
            case 1: return offered.1 & bit != 0
            case 2: return offered.2 & bit != 0
            default: return offered.3 & bit != 0
            }
        }

        private mutating func insert(_ method: Method) {
            let bit = UInt64(1) << UInt64(method.rawValue & 63)
            switch method.rawValue >> 6 {
            case 0: offered.0 |= bit
            case 1: offered.1 |= bit
            case 2: offered.2 |= bit
            default: offered.3 |= bit
            }
        }

        package static func == (one: Greeting, other: Greeting) -> Bool {
            one.offered == other.offered
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(offered.0)
            hasher.combine(offered.1)
            hasher.combine(offered.2)
            hasher.combine(offered.3)
        }
    }

    /// A first byte that is not 5.
    package struct VersionFault: Hashable, Sendable {
        /// The byte that stood there; 4 is SOCKS4, letters are most likely HTTP.
        package let version: UInt8

        package init(version: UInt8) { self.version = version }
    }
}

extension SOCKS5.Greeting {
    /// Reads a greeting from the bytes received so far.
    package static func decode(_ bytes: RawSpan) -> Decoded<Self, SOCKS5.VersionFault> {
        var reader = ByteReader(bytes)
        guard let version = reader.readUInt8() else { return .needs(moreBytes: 2) }
        guard version == SOCKS5.version else { return .fault(.init(version: version)) }
        guard let count = reader.readUInt8() else { return .needs(moreBytes: 1) }
        guard reader.remaining >= Int(count) else {
            return .needs(moreBytes: Int(count) - reader.remaining)
        }
        var greeting = Self([])
        for _ in 0..<count {
            if let method = reader.readUInt8() { greeting.insert(.init(rawValue: method)) }
        }
        return .value(greeting, bytesConsumed: reader.position)
    }

    /// Writes the greeting, methods in ascending order; 255, which is no offer, is left out.
    package func encode(into writer: inout ByteWriter) {
        let methods = (UInt8(0)...254).filter { offers(.init(rawValue: $0)) }
        writer.write(SOCKS5.version)
        writer.write(UInt8(methods.count))
        for method in methods { writer.write(method) }
    }
}

extension SOCKS5.Method {
    /// The size of a reply to a greeting.
    package static let replyByteCount = 2

    /// Writes the server's choice.
    package func encodeReply(into writer: inout ByteWriter) {
        writer.write(SOCKS5.version)
        writer.write(rawValue)
    }

    /// Reads the server's choice, as a client.
    package static func decodeReply(_ bytes: RawSpan) -> Decoded<Self, SOCKS5.VersionFault> {
        var reader = ByteReader(bytes)
        guard let version = reader.readUInt8() else { return .needs(moreBytes: 2) }
        guard version == SOCKS5.version else { return .fault(.init(version: version)) }
        guard let method = reader.readUInt8() else { return .needs(moreBytes: 1) }
        return .value(.init(rawValue: method), bytesConsumed: reader.position)
    }
}

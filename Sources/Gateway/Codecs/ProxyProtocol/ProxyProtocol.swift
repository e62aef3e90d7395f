// The PROXY protocol, versions 1 and 2: a header in front of a stream's first byte, in which a
// proxy says for whom it connects. After "The PROXY protocol", haproxy.org, 2020/03/05.

package import Bytes
package import Model

/// The PROXY protocol: who connected to the proxy that now connects to us, and where.
package enum ProxyProtocol {
    /// How a header is written. A reader takes both.
    package enum Version: UInt8, Hashable, Sendable, CaseIterable {
        /// A line of text, §2.1.
        case text = 1
        /// Binary, §2.2.
        case binary = 2
    }

    /// What a header says.
    package enum Header: Hashable, Sendable {
        /// Nothing: the proxy speaks for itself, or for a client that is on no IP stream. The
        /// connection's own addresses hold.
        case own
        /// The connection stands for one between these two.
        case relayed(source: Endpoint, destination: Endpoint)
    }

    /// Why bytes are no header.
    package enum Fault: Hashable, Sendable {
        /// They do not begin as one: they are the client's own.
        case absent
        /// A line that does not follow the grammar.
        case malformedLine
        /// More than 107 bytes of text, or more than `Limits.proxyHeaderBytes` of binary.
        case tooLong
        /// A version other than 2 behind the binary signature.
        case version(UInt8)
        /// Neither LOCAL nor PROXY.
        case command(UInt8)
        /// A family or transport that is none.
        case family(UInt8)
        /// A length that the family's addresses do not fit into.
        case addressesMissing
    }

    /// The longest header that is written: a line of text for two IPv6 addresses.
    package static let maximumByteCount = lineBytesMax

    /// The shortest header: `PROXY UNKNOWN` with its line end.
    static let minimumByteCount = 15

    /// Reads a header from the first bytes received. `absent` is said as soon as it is certain.
    package static func decode(_ bytes: RawSpan) -> Decoded<Header, Fault> {
        var reader = ByteReader(bytes)
        guard let first = reader.readUInt8() else { return .needs(moreBytes: minimumByteCount) }
        switch first {
        case word[0]: return decodeLine(bytes)
        case signature[0]: return decodeBinary(bytes)
        default: return .fault(.absent)
        }
    }

    /// Whether `bytes` and `beginning` are equal as far as both reach.
    static func agree(_ bytes: RawSpan, _ beginning: [UInt8]) -> Bool {
        var reader = ByteReader(bytes)
        for expected in beginning {
            guard let byte = reader.readUInt8() else { return true }
            if byte != expected { return false }
        }
        return true
    }
}

extension ProxyProtocol.Header {
    /// Writes the header; at most `ProxyProtocol.maximumByteCount` bytes.
    package func encode(_ version: ProxyProtocol.Version, into writer: inout ByteWriter) {
        switch version {
        case .text: encodeLine(into: &writer)
        case .binary: encodeBinary(into: &writer)
        }
    }
}

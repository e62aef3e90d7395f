/// The domain name system's messages (RFC 1035 §4), as far as a stub resolver needs them.
package enum DNS {
    /// The kind of a record, by its number.
    package struct RecordType: Hashable, Sendable {
        /// The number.
        package let rawValue: UInt16

        /// A type by number; all are representable.
        package init(rawValue: UInt16) { self.rawValue = rawValue }

        /// An IPv4 address.
        package static let a = RecordType(rawValue: 1)
        /// Another name to go on with.
        package static let cname = RecordType(rawValue: 5)
        /// The start of a zone; tells how long an absence holds.
        package static let soa = RecordType(rawValue: 6)
        /// An IPv6 address (RFC 3596).
        package static let aaaa = RecordType(rawValue: 28)
        /// Not a record but the extension of the header (RFC 6891 §6.1).
        package static let opt = RecordType(rawValue: 41)
    }

    /// How a server fared, 12 bits with the extension's (RFC 6895 §2.3).
    package struct ResponseCode: Hashable, Sendable {
        /// The number, 0...4095.
        package let rawValue: UInt16

        /// A code by number.
        package init(rawValue: UInt16) { self.rawValue = rawValue }

        /// The answer is what there is, possibly nothing of this type.
        package static let noError = ResponseCode(rawValue: 0)
        /// The server could not read the query; also what servers without EDNS say to it.
        package static let formatError = ResponseCode(rawValue: 1)
        /// The server failed; another may not.
        package static let serverFailure = ResponseCode(rawValue: 2)
        /// The name does not exist, for any type.
        package static let nameError = ResponseCode(rawValue: 3)
        /// The server does not do this.
        package static let notImplemented = ResponseCode(rawValue: 4)
        /// The server does not want to.
        package static let refused = ResponseCode(rawValue: 5)
    }

    /// The Internet, the only class there is.
    static let classInternet: UInt16 = 1
    /// The size of the header.
    static let headerByteCount = 12
    /// The longest message over TCP, which frames it by two bytes of length.
    package static let messageBytesMax = 65_535
    /// The answer size offered to servers: fits one IPv6 packet on every path (DNS Flag Day 2020).
    package static let datagramBytes: UInt16 = 1232
}

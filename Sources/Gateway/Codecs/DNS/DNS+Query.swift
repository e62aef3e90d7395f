// RFC 1035 §4.1.1, §4.1.2; RFC 6891 §6.1.2
//
// offset  size  field
// 0       2     ID
// 2       2     QR 1 bit, OPCODE 4, AA 1, TC 1, RD 1, RA 1, Z 3, RCODE 4
// 4       2     QDCOUNT: questions
// 6       2     ANCOUNT: answers
// 8       2     NSCOUNT: authority records
// 10      2     ARCOUNT: additional records
// 12      n     QNAME
// 12 + n  2     QTYPE
// 14 + n  2     QCLASS
// 16 + n  11    OPT: empty name, type 41, answer size, 0, 0, 0, length; left out without EDNS
// 27 + n  8 + m client subnet (RFC 7871 §6): code 8, length, family, prefix length, 0, m bytes of
//               address; left out where none is told

package import Bytes
package import Model

extension DNS {
    /// What is asked of a server.
    package struct Question: Hashable, Sendable {
        /// The name.
        package let name: Name
        /// Which of its records.
        package let type: RecordType

        package init(_ name: Name, _ type: RecordType) {
            self.name = name
            self.type = type
        }
    }

    /// One question on its way to a recursive server.
    package struct Query: Hashable, Sendable {
        /// The longest query.
        package static let maximumByteCount =
            DNS.headerByteCount + Name.byteCountMax + 4 + 11
            + 8 + 16

        /// Tells answers apart. Must be random: it is half of what keeps forged answers out.
        package let id: UInt16
        /// What is asked.
        package let question: Question
        /// Whether answers over 512 bytes are offered to be taken (EDNS). Off for servers that
        /// answer it with a format error.
        package let isExtended: Bool
        /// Where the question is said to come from, so that the answer suits that place; told with
        /// EDNS only.
        package let clientSubnet: IPPrefix?

        package init(
            id: UInt16, _ question: Question, isExtended: Bool = true,
            clientSubnet: IPPrefix? = nil
        ) {
            self.id = id
            self.question = question
            self.isExtended = isExtended
            self.clientSubnet = clientSubnet
        }
    }
}

extension DNS.Query {
    /// The option's number (RFC 7871 §6).
    private static let clientSubnetCode: UInt16 = 8
    private static let recursionDesired: UInt16 = 0x0100

    /// Writes the query; over TCP, two bytes of length come first and are the caller's.
    package func encode(into writer: inout ByteWriter) {
        writer.write(id)
        writer.write(Self.recursionDesired)
        writer.write(UInt16(1))
        writer.write(UInt16(0))
        writer.write(UInt16(0))
        writer.write(UInt16(isExtended ? 1 : 0))
        question.name.encode(into: &writer)
        writer.write(question.type.rawValue)
        writer.write(DNS.classInternet)
        guard isExtended else { return }
        writer.write(UInt8(0))
        writer.write(DNS.RecordType.opt.rawValue)
        writer.write(DNS.datagramBytes)
        writer.write(UInt32(0))
        guard let clientSubnet else { return writer.write(UInt16(0)) }
        let byteCount = (clientSubnet.length + 7) / 8
        writer.write(UInt16(8 + byteCount))
        writer.write(Self.clientSubnetCode)
        writer.write(UInt16(4 + byteCount))
        writer.write(UInt16(clientSubnet.address.isV4 ? 1 : 2))
        writer.write(UInt8(clientSubnet.length))
        writer.write(UInt8(0))
        let start = clientSubnet.address.isV4 ? 12 : 0
        for index in start..<start + byteCount { writer.write(clientSubnet.address[index]) }
    }
}

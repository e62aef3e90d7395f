import Bytes
package import Codecs
package import Model

/// The server's side of DNS, as far as tests need one.
package struct DNSAnswer {
    /// One record of an answer.
    package struct Record {
        /// What a record says.
        package enum Content {
            /// A or AAAA, by the address's family.
            case address(IPAddress)
            /// CNAME.
            case alias(String)
            /// SOA with this MINIMUM.
            case start(minimumSeconds: UInt32)
            /// Any bytes.
            case raw(type: UInt16, bytes: [UInt8])
        }

        let name: String
        let lifetimeSeconds: UInt32
        let content: Content

        package init(_ name: String, _ lifetimeSeconds: UInt32, _ content: Content) {
            self.name = name
            self.lifetimeSeconds = lifetimeSeconds
            self.content = content
        }
    }

    /// The query's id.
    package var id: UInt16
    /// The question repeated; nil leaves it out.
    package var question: DNS.Question?
    /// RCODE, 12 bits; above 15 an OPT record is added.
    package var code: UInt16 = 0
    /// Whether TC is set.
    package var isTruncated = false
    /// The answer section.
    package var answers: [Record] = []
    /// The authority section.
    package var authorities: [Record] = []

    package init(
        id: UInt16, question: DNS.Question?, code: UInt16 = 0, isTruncated: Bool = false,
        answers: [Record] = [], authorities: [Record] = []
    ) {
        self.id = id
        self.question = question
        self.code = code
        self.isTruncated = isTruncated
        self.answers = answers
        self.authorities = authorities
    }

    /// The message. The question's name is written once; records of that name point to it.
    package func encoded() -> [UInt8] {
        [UInt8](capacity: DNS.messageBytesMax) { writer in
            writer.write(id)
            writer.write(0x8180 | code & 0xf | (isTruncated ? 0x0200 : 0))
            writer.write(UInt16(question == nil ? 0 : 1))
            writer.write(UInt16(answers.count))
            writer.write(UInt16(authorities.count))
            writer.write(UInt16(code > 15 ? 1 : 0))
            if let question {
                question.name.encode(into: &writer)
                writer.write(question.type.rawValue)
                writer.write(UInt16(1))
            }
            for record in answers + authorities { encode(record, into: &writer) }
            if code > 15 {
                writer.write(UInt8(0))
                writer.write(UInt16(41))
                writer.write(UInt16(1232))
                writer.write(UInt32(code >> 4) << 24)
                writer.write(UInt16(0))
            }
        }
    }

    private func encode(_ record: Record, into writer: inout ByteWriter) {
        guard let name = DNS.Name(record.name) else { preconditionFailure("a mistyped name") }
        if name == question?.name {
            writer.write(UInt16(0xc00c))
        } else {
            name.encode(into: &writer)
        }
        let (type, content) = Self.content(of: record)
        writer.write(type)
        writer.write(UInt16(1))
        writer.write(record.lifetimeSeconds)
        writer.write(UInt16(content.count))
        writer.write(content.span.bytes)
    }

    private static func content(of record: Record) -> (UInt16, [UInt8]) {
        switch record.content {
        case .address(let address):
            return address.isV4
                ? (1, (12..<16).map { address[$0] }) : (28, (0..<16).map { address[$0] })
        case .alias(let name):
            return (5, encoded(name))
        case .start(let minimum):
            let timers = [UInt8](capacity: 20) { writer in
                for value in [1, 7200, 900, 1_209_600, minimum] { writer.write(UInt32(value)) }
            }
            return (6, encoded("ns.example") + encoded("root.example") + timers)
        case .raw(let type, let bytes):
            return (type, bytes)
        }
    }

    private static func encoded(_ name: String) -> [UInt8] {
        guard let name = DNS.Name(name) else { preconditionFailure("a mistyped name") }
        return [UInt8](capacity: DNS.Name.byteCountMax) { name.encode(into: &$0) }
    }
}

extension DNS.Query {
    /// Reads a query as a server would; nil where it is not one that this gateway sends.
    package init?(received bytes: [UInt8]) {
        var reader = ByteReader(bytes.span.bytes)
        guard let id = reader.readUInt16(), reader.readUInt16() == 0x0100,
            reader.readUInt16() == 1, reader.readUInt32() == 0,
            let additionals = reader.readUInt16(),
            case .value(let name, _) = DNS.Name.decode(&reader),
            let type = reader.readUInt16(), reader.readUInt16() == 1
        else { return nil }
        var subnet: IPPrefix?
        if additionals == 1 {
            guard reader.readUInt8() == 0, reader.readUInt16() == 41,
                reader.readUInt16() == DNS.datagramBytes, reader.readUInt32() == 0,
                let length = reader.readUInt16(), Int(length) == reader.remaining
            else { return nil }
            if length > 0 {
                subnet = Self.clientSubnet(&reader)
                if subnet == nil { return nil }
            }
        }
        guard additionals <= 1, reader.remaining == 0 else { return nil }
        self.init(
            id: id, DNS.Question(name, .init(rawValue: type)), isExtended: additionals == 1,
            clientSubnet: subnet)
    }

    /// RFC 7871 §6, with exactly as many bytes of the address as its prefix needs.
    private static func clientSubnet(_ reader: inout ByteReader) -> IPPrefix? {
        guard reader.readUInt16() == 8, let count = reader.readUInt16(),
            let family = reader.readUInt16(), family == 1 || family == 2,
            let length = reader.readUInt8(), reader.readUInt8() == 0,
            Int(count) == 4 + (Int(length) + 7) / 8
        else { return nil }
        var halves: (UInt64, UInt64) = family == 1 ? (0, 0xffff_0000_0000) : (0, 0)
        let start = family == 1 ? 12 : 0
        for index in start..<start + Int(count) - 4 {
            guard index < 16, let byte = reader.readUInt8() else { return nil }
            let shift = UInt64(56 - 8 * (index & 7))
            if index < 8 { halves.0 |= UInt64(byte) << shift }
            if index >= 8 { halves.1 |= UInt64(byte) << shift }
        }
        let address = IPAddress(high: halves.0, low: halves.1)
        let prefix = IPPrefix(address, length: Int(length))
        return prefix?.address == address ? prefix : nil
    }
}

import Bytes
import Model

extension DNS {
    /// Where in a message a record stands.
    enum Section {
        /// What was asked for.
        case answer
        /// Who says so; in an absence its SOA.
        case authority
        /// What may be of use besides; here only OPT.
        case additional
    }

    /// What is gathered while a message's records are walked.
    struct Sections {
        /// The response code, extended by OPT.
        var code: UInt16
        /// Addresses and aliases of the answer section.
        var records: [Record] = []
        /// From the authority section's SOA.
        var absenceSeconds: UInt32?

        init(code: UInt16) { self.code = code }
    }
}

extension DNS.Sections {
    /// The fixed part of a record.
    private struct Head {
        let name: DNS.Name
        let type: DNS.RecordType
        let recordClass: UInt16
        let lifetime: UInt32
        let start: Int
        let count: Int

        /// RFC 2181 §8: values with the highest bit are taken for 0.
        var lifetimeSeconds: UInt32 { lifetime >> 31 == 0 ? lifetime : 0 }
    }

    /// Walks over one record and keeps what is of use.
    mutating func takeRecord(of section: DNS.Section, from reader: inout ByteReader)
        -> Decoded<Void, DNS.Response.Fault>
    {
        let head: Head
        switch Self.decodeHead(&reader) {
        case .needs(let count): return .needs(moreBytes: count)
        case .fault(let fault): return .fault(fault)
        case .value(let decoded, _): head = decoded
        }
        guard reader.remaining >= head.count else {
            return .needs(moreBytes: head.count - reader.remaining)
        }
        if let fault = take(head, of: section, from: reader) { return .fault(fault) }
        _ = reader.move(to: head.start + head.count)
        return .value((), bytesConsumed: reader.position)
    }

    private static func decodeHead(_ reader: inout ByteReader)
        -> Decoded<Head, DNS.Response.Fault>
    {
        switch DNS.Name.decode(&reader) {
        case .needs(let count):
            return .needs(moreBytes: count + 10)
        case .fault(let fault):
            return .fault(.name(fault))
        case .value(let name, _):
            guard reader.remaining >= 10, let type = reader.readUInt16(),
                let recordClass = reader.readUInt16(), let lifetime = reader.readUInt32(),
                let count = reader.readUInt16()
            else { return .needs(moreBytes: 10 - reader.remaining) }
            let head = Head(
                name: name, type: .init(rawValue: type), recordClass: recordClass,
                lifetime: lifetime, start: reader.position, count: Int(count))
            return .value(head, bytesConsumed: reader.position)
        }
    }

    /// Reads the content, which is known to be there; the reader is a copy and free to roam.
    private mutating func take(_ head: Head, of section: DNS.Section, from reader: ByteReader)
        -> DNS.Response.Fault?
    {
        var reader = reader
        if head.type == .opt {
            if section == .additional { code = code & 0xf | UInt16(head.lifetime >> 24) << 4 }
            return nil
        }
        guard head.recordClass == DNS.classInternet else { return nil }
        switch (section, head.type) {
        case (.answer, .a):
            guard head.count == 4, let bits = reader.readUInt32()
            else { return .recordLength(head.type) }
            keep(.address(IPAddress(v4: bits)), head)
        case (.answer, .aaaa):
            guard head.count == 16, let high = reader.readUInt64(), let low = reader.readUInt64()
            else { return .recordLength(head.type) }
            keep(.address(IPAddress(high: high, low: low)), head)
        case (.answer, .cname):
            return takeName(head, from: &reader) { sections, name in
                sections.keep(.alias(name), head)
            }
        case (.authority, .soa):
            return takeAbsence(head, from: &reader)
        case (_, _):
            break
        }
        return nil
    }

    private mutating func keep(_ content: DNS.Record.Content, _ head: Head) {
        guard records.count < DNS.Response.recordsMax else { return }
        records.append(
            DNS.Record(name: head.name, lifetimeSeconds: head.lifetimeSeconds, content: content))
    }

    private mutating func takeName(
        _ head: Head, from reader: inout ByteReader,
        keep: (inout Self, DNS.Name) -> Void
    ) -> DNS.Response.Fault? {
        switch DNS.Name.decode(&reader) {
        case .needs:
            return .recordLength(head.type)
        case .fault(let fault):
            return .name(fault)
        case .value(let name, let end):
            guard end == head.start + head.count else { return .recordLength(head.type) }
            keep(&self, name)
            return nil
        }
    }

    /// RFC 1035 §3.3.13: MNAME, RNAME, SERIAL, REFRESH, RETRY, EXPIRE, MINIMUM.
    private mutating func takeAbsence(_ head: Head, from reader: inout ByteReader)
        -> DNS.Response.Fault?
    {
        for _ in 0..<2 {
            switch DNS.Name.decode(&reader) {
            case .needs: return .recordLength(head.type)
            case .fault(let fault): return .name(fault)
            case .value: break
            }
        }
        guard reader.position + 20 == head.start + head.count, reader.skip(16),
            let minimum = reader.readUInt32()
        else { return .recordLength(head.type) }
        absenceSeconds = min(head.lifetimeSeconds, minimum >> 31 == 0 ? minimum : 0)
        return nil
    }
}

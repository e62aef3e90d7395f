// RFC 1035 §4.1: the header and question as in DNS+Query.swift, then answer, authority and
// additional records, each
//
// offset  size  field
// 0       n     NAME
// n       2     TYPE
// n + 2   2     CLASS
// n + 4   4     TTL in seconds; for OPT: 8 more bits of RCODE, version, flags
// n + 8   2     RDLENGTH
// n + 10  …     RDATA

import Bytes
package import Model

extension DNS {
    /// A record of use to a resolver.
    package struct Record: Hashable, Sendable {
        /// What a record says about its name.
        package enum Content: Hashable, Sendable {
            /// A and AAAA.
            case address(IPAddress)
            /// CNAME: go on with this name.
            case alias(Name)
        }

        /// Whose record it is.
        package let name: Name
        /// How long it may be kept, in seconds, 0...2^31 - 1.
        package let lifetimeSeconds: UInt32
        /// What it says.
        package let content: Content

        package init(name: Name, lifetimeSeconds: UInt32, content: Content) {
            self.name = name
            self.lifetimeSeconds = lifetimeSeconds
            self.content = content
        }
    }

    /// What a server answered.
    package struct Response: Hashable, Sendable {
        /// Records kept of one answer; what comes behind is checked and left out.
        package static let recordsMax = 128

        /// The query's id, if the answer is to it.
        package let id: UInt16
        /// The question as the server repeats it; nil in some error answers.
        package let question: Question?
        /// Whether records are missing and TCP has them. Then no records are given at all.
        package let isTruncated: Bool
        /// How the server fared.
        package let code: ResponseCode
        /// Addresses and aliases of the answer section, in order.
        package let records: [Record]
        /// How long an absence may be kept, in seconds (RFC 2308 §5); nil where the server gives
        /// no bound, and then it may not be kept.
        package let absenceSeconds: UInt32?

        package init(
            id: UInt16, question: Question?, isTruncated: Bool = false, code: ResponseCode,
            records: [Record] = [], absenceSeconds: UInt32? = nil
        ) {
            self.id = id
            self.question = question
            self.isTruncated = isTruncated
            self.code = code
            self.records = records
            self.absenceSeconds = absenceSeconds
        }

        /// Whether this answers `query`: id and question are its own.
        package func answers(_ query: Query) -> Bool {
            id == query.id && question == query.question
        }

        /// Why bytes are no answer.
        package enum Fault: Hashable, Sendable {
            /// A query, or another operation than a query's answer.
            case notAResponse
            /// More than one question.
            case questionCount(UInt16)
            /// A class other than IN in the question.
            case questionClass(UInt16)
            /// A name that breaks the rules.
            case name(Name.Fault)
            /// A record whose content does not fit its length.
            case recordLength(RecordType)
        }
    }
}

extension DNS.Response {
    private static let isResponse: UInt16 = 0x8000
    private static let opcode: UInt16 = 0x7800
    private static let truncated: UInt16 = 0x0200
    private static let code: UInt16 = 0x000f

    /// Reads one whole message. `needs` means that it is cut short, as a datagram may be.
    package static func decode(_ bytes: RawSpan) -> Decoded<Self, Fault> {
        var reader = ByteReader(bytes)
        guard bytes.byteCount >= DNS.headerByteCount,
            let id = reader.readUInt16(), let flags = reader.readUInt16(),
            let questions = reader.readUInt16(), let answers = reader.readUInt16(),
            let authorities = reader.readUInt16(), let additionals = reader.readUInt16()
        else { return .needs(moreBytes: DNS.headerByteCount - bytes.byteCount) }
        guard flags & isResponse != 0, flags & opcode == 0 else { return .fault(.notAResponse) }
        guard questions <= 1 else { return .fault(.questionCount(questions)) }

        var question: DNS.Question?
        if questions == 1 {
            switch decodeQuestion(&reader) {
            case .needs(let count): return .needs(moreBytes: count)
            case .fault(let fault): return .fault(fault)
            case .value(let decoded, _): question = decoded
            }
        }
        var sections = DNS.Sections(code: flags & code)
        // Whatever a truncated answer holds is asked for again, and may end inside a record.
        if flags & truncated == 0 {
            let counts = [(DNS.Section.answer, answers), (.authority, authorities)]
            for (section, count) in counts + [(.additional, additionals)] {
                for _ in 0..<count {
                    switch sections.takeRecord(of: section, from: &reader) {
                    case .needs(let count): return .needs(moreBytes: count)
                    case .fault(let fault): return .fault(fault)
                    case .value: break
                    }
                }
            }
        }
        let response = Self(
            id: id, question: question, isTruncated: flags & truncated != 0,
            code: .init(rawValue: sections.code), records: sections.records,
            absenceSeconds: sections.absenceSeconds)
        return .value(response, bytesConsumed: reader.position)
    }

    private static func decodeQuestion(_ reader: inout ByteReader) -> Decoded<DNS.Question, Fault> {
        switch DNS.Name.decode(&reader) {
        case .needs(let count):
            return .needs(moreBytes: count)
        case .fault(let fault):
            return .fault(.name(fault))
        case .value(let name, _):
            guard reader.remaining >= 4, let type = reader.readUInt16(),
                let questionClass = reader.readUInt16()
            else { return .needs(moreBytes: 4 - reader.remaining) }
            guard questionClass == DNS.classInternet
            else { return .fault(.questionClass(questionClass)) }
            return .value(
                DNS.Question(name, .init(rawValue: type)), bytesConsumed: reader.position)
        }
    }
}

import Bytes
import Codecs
import Model

/// What a proxy changes in a message that it passes on (RFC 9110 §7.6): fields for one hop only are
/// left out, `Via` is added, the content's framing is said anew.
///
/// Everything is written as fields that were read strictly, so what goes out has one reading.
struct HTTPHop {
    /// Our name in `Via`: one of its own for each run, so that a request that comes back is known
    /// and two gateways in a row are told apart.
    let pseudonym: String

    init(boot: BootID) { pseudonym = "weir-" + String(boot.description.suffix(8)) }

    /// Whether a request has passed here before.
    func hasSeen(_ head: HTTP1.RequestHead) -> Bool {
        head.fields.members("via").contains { member in
            member.split(separator: UInt8(ascii: " ")).dropFirst().first
                .map { $0.elementsEqual(pseudonym.utf8) } ?? false
        }
    }

    // MARK: Requests

    /// How a request goes on.
    struct RequestTerms {
        /// The protocols that client and origin may change to; nil where none is passed on.
        var upgrade: ArraySlice<UInt8>?
        /// What `Max-Forwards` says from now on.
        var forwards: Int?
        /// Whether the connection is used again afterwards.
        var keeps: Bool
    }

    /// Writes a request for its origin behind `output`.
    func encode(
        _ head: HTTP1.RequestHead, _ target: HTTP1.AbsoluteTarget, _ terms: RequestTerms,
        into output: inout [UInt8]
    ) {
        output.append(text: head.method.description)
        output.append(UInt8(ascii: " "))
        target.forOrigin(head.method).encode(into: &output)
        output.append(text: " HTTP/1.1\r\nHost: ")
        target.authority.encode(into: &output)
        output.append(text: "\r\n")
        let named = head.fields.members("connection")
        let dropsExpectation = head.version == .http10 || head.framing == .none
        for field in head.fields {
            if Self.isForOneHop(field, named) || field.isNamed("host") { continue }
            if dropsExpectation, field.isNamed("expect") { continue }
            if terms.forwards != nil, field.isNamed("max-forwards") { continue }
            Self.write(field, into: &output)
        }
        if let forwards = terms.forwards {
            Self.write("Max-Forwards", String(forwards), into: &output)
        }
        switch head.framing {
        case .none, .untilEnd: break
        case .length(let count): Self.write("Content-Length", String(count), into: &output)
        case .chunked: Self.write("Transfer-Encoding", "chunked", into: &output)
        }
        writeVia(head.version, into: &output)
        var connection: [String] = []
        if head.fields.contains("te", member: "trailers") {
            Self.write("TE", "trailers", into: &output)
            connection.append("te")
        }
        if let upgrade = terms.upgrade {
            Self.write("Upgrade", upgrade, into: &output)
            connection.append("upgrade")
        }
        if !terms.keeps { connection.append("close") }
        if !connection.isEmpty {
            Self.write("Connection", connection.joined(separator: ", "), into: &output)
        }
        output.append(text: "\r\n")
    }

    /// The protocols that a request offers to change to, as far as they are passed on. HTTP/2 in
    /// clear text is not: requests in it would pass unseen.
    static func upgrade(of head: HTTP1.RequestHead) -> ArraySlice<UInt8>? {
        guard head.version == .http11, head.framing == .none,
            head.fields.contains("connection", member: "upgrade"),
            !head.fields.contains("upgrade", member: "h2c")
        else { return nil }
        let offered = head.fields.all("upgrade")
        return offered.count == 1 ? offered.first : nil
    }

    // MARK: Answers

    /// How an answer goes on.
    struct AnswerTerms {
        /// What follows the head, as the client gets it.
        enum Content {
            /// As the origin declared it.
            case declared
            /// In chunks.
            case chunks
            /// Until the connection ends.
            case untilEnd
            /// Another protocol.
            case upgrade
        }

        var content: Content
        /// What `Connection` says to the client; nil for nothing.
        var connection: String?
    }

    /// Writes an answer for its client behind `output`.
    func encode(_ head: HTTP1.ResponseHead, _ terms: AnswerTerms, into output: inout [UInt8]) {
        output.append(text: "HTTP/1.1 ")
        output.append(text: String(head.status))
        output.append(UInt8(ascii: " "))
        output.append(contentsOf: head.reason)
        output.append(text: "\r\n")
        let named = head.fields.members("connection")
        for field in head.fields where !Self.isForOneHop(field, named) {
            Self.write(field, into: &output)
        }
        switch terms.content {
        case .declared:
            // No length says anything in 1xx and 204 (RFC 9110 §8.6).
            if case .length(let count)? = head.declared, head.status >= 200, head.status != 204 {
                Self.write("Content-Length", String(count), into: &output)
            }
        case .chunks:
            Self.write("Transfer-Encoding", "chunked", into: &output)
        case .upgrade:
            if let upgrade = head.fields.first("upgrade") {
                Self.write("Upgrade", upgrade, into: &output)
            }
        case .untilEnd:
            break
        }
        writeVia(head.version, into: &output)
        if let connection = terms.connection {
            Self.write("Connection", connection, into: &output)
        }
        output.append(text: "\r\n")
    }

    // MARK: Fields

    /// Fields that mean the next hop only, at the index of their length.
    private static let forOneHop: [[String]] = {
        let names = [
            "connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade",
            "content-length", "proxy-authorization", "proxy-authenticate",
            "proxy-authentication-info", "http2-settings",
            // gost's own, from client to proxy.
            "gost-target", "x-gost-target", "x-gost-protocol", "gost-record",
        ]
        let byLength = Dictionary(grouping: names, by: { $0.utf8.count })
        return (0...(byLength.keys.max() ?? 0)).map { byLength[$0] ?? [] }
    }()

    /// Whether a field ends here: by its nature, or because `Connection` names it. `Via` stays
    /// whoever names it, since loops are found by it.
    private static func isForOneHop(
        _ field: HTTP1.Fields.Field, _ named: [ArraySlice<UInt8>]
    ) -> Bool {
        let length = field.name.count
        if length < forOneHop.count {
            for name in forOneHop[length] where field.isNamed(name) { return true }
        }
        if named.isEmpty || field.isNamed("via") { return false }
        return named.contains { name in
            name.count == field.name.count
                && zip(name, field.name).allSatisfy { $0 | 0x20 == $1 | 0x20 }
        }
    }

    private func writeVia(_ version: HTTP1.Version, into output: inout [UInt8]) {
        output.append(text: version == .http10 ? "Via: 1.0 " : "Via: 1.1 ")
        output.append(text: pseudonym)
        output.append(text: "\r\n")
    }

    private static func write(_ field: HTTP1.Fields.Field, into output: inout [UInt8]) {
        output.append(contentsOf: field.name)
        output.append(text: ": ")
        output.append(contentsOf: field.value)
        output.append(text: "\r\n")
    }

    private static func write(
        _ name: String, _ value: some Collection<UInt8>, into output: inout [UInt8]
    ) {
        output.append(text: name)
        output.append(text: ": ")
        output.append(contentsOf: value)
        output.append(text: "\r\n")
    }

    private static func write(_ name: String, _ value: String, into output: inout [UInt8]) {
        write(name, value.utf8, into: &output)
    }
}

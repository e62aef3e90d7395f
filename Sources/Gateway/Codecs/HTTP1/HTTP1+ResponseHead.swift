// RFC 9112 §4
//
// HTTP-version SP 3DIGIT SP [ reason ] CRLF
// *( field-name ":" OWS field-value OWS CRLF )
// CRLF

extension HTTP1 {
    /// The status line and the fields of a response.
    package struct ResponseHead: Equatable, Sendable {
        /// The origin's version.
        package var version: Version
        /// 100...999.
        package var status: UInt16
        /// The text behind the status, which means nothing; possibly empty.
        package var reason: [UInt8]
        /// The fields.
        package var fields: Fields
        /// What Content-Length or Transfer-Encoding says; nil where there is neither. Ask
        /// `framing(answering:)`. `encode` writes `fields` only.
        package var declared: Framing?

        package init(
            _ status: UInt16, reason: String = "", version: Version = .http11,
            fields: Fields = Fields(), declared: Framing? = nil
        ) {
            precondition((100...999).contains(status), "a status has three digits")
            precondition(HTTP1.isFieldValue(reason.utf8), "a reason has no controls")
            self.version = version
            self.status = status
            self.reason = Array(reason.utf8)
            self.fields = fields
            self.declared = declared
        }
    }
}

extension HTTP1.ResponseHead {
    /// Reads a head from the bytes received so far.
    package static func decode(_ bytes: RawSpan) -> Decoded<Self, HTTP1.Fault> {
        var progress = HTTP1.HeadProgress()
        return decode(bytes, resuming: &progress)
    }

    /// Reads a head from the bytes received so far, which begin as they did in the calls before
    /// with the same `progress`.
    package static func decode(
        _ bytes: RawSpan, resuming progress: inout HTTP1.HeadProgress
    ) -> Decoded<Self, HTTP1.Fault> {
        progress.decode(bytes, side: .response) { bytes throws(HTTP1.FieldFault) in
            try Self(bytes)
        }
    }

    private init(_ bytes: UnsafeRawBufferPointer) throws(HTTP1.FieldFault) {
        var end = 0
        while bytes[end] != HTTP1.carriageReturn { end += 1 }
        guard end >= 12, bytes[8] == HTTP1.space else { throw .init(.startLine) }
        version = try HTTP1.Version(bytes[..<8])
        guard let status = HTTP1.decimal(bytes[9..<12]), status >= 100
        else { throw .init(.startLine) }
        self.status = UInt16(status)
        // Some servers leave out the space with the reason.
        guard end == 12 || bytes[12] == HTTP1.space else { throw .init(.startLine) }
        reason = end > 13 ? Array(bytes[13..<end]) : []
        var lines = HTTP1.FieldLines(bytes)
        if let reason = lines.read(from: end + 2) { throw .init(reason) }
        declared = try lines.declared(version: version).get()
        fields = HTTP1.Fields(bytes: Array(bytes), lines: lines.lines)
    }

    /// Writes the head with the empty line behind it.
    package func encode(into output: inout [UInt8]) {
        version.encode(into: &output)
        output.append(HTTP1.space)
        output.append(contentsOf: String(status).utf8)
        output.append(HTTP1.space)
        output.append(contentsOf: reason)
        output.append(contentsOf: "\r\n".utf8)
        fields.encode(into: &output)
        output.append(contentsOf: "\r\n".utf8)
    }

    /// How the content ends that follows this answer to a request of that method (RFC 9112 §6.3).
    /// After 2xx to CONNECT and after 101 it is none: another protocol follows.
    package func framing(answering method: HTTP1.Method) -> HTTP1.Framing {
        if method == .head || status < 200 || status == 204 || status == 304 { return .none }
        if method == .connect, (200..<300).contains(status) { return .none }
        return declared ?? .untilEnd
    }

    /// Whether another answer to the same request follows: 1xx, but not 101.
    package var isInterim: Bool { status < 200 && status != 101 }

    /// Whether the origin takes another request behind this one, if the content has a known end.
    package var isPersistent: Bool {
        HTTP1.isPersistent(version: version, connection: fields, named: "connection")
    }
}

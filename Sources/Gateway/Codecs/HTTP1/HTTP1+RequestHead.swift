// RFC 9112 §3
//
// method SP request-target SP HTTP-version CRLF
// *( field-name ":" OWS field-value OWS CRLF )
// CRLF

import Model

extension HTTP1 {
    /// The first line and the fields of a request, and how its content is framed.
    package struct RequestHead: Equatable, Sendable {
        /// What is asked for.
        package var method: Method
        /// What it is about.
        package var target: Target
        /// The client's version.
        package var version: Version
        /// The fields.
        package var fields: Fields
        /// How its content ends; never `untilEnd`. `encode` writes `fields` only: whoever changes
        /// one changes the other.
        package var framing: Framing

        package init(
            _ method: Method, _ target: Target, version: Version = .http11,
            fields: Fields = Fields(), framing: Framing = .none
        ) {
            self.method = method
            self.target = target
            self.version = version
            self.fields = fields
            self.framing = framing
        }
    }
}

extension HTTP1.RequestHead {
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
        progress.decode(bytes, side: .request) { bytes throws(HTTP1.FieldFault) in
            try Self(bytes)
        }
    }

    private init(_ bytes: UnsafeRawBufferPointer) throws(HTTP1.FieldFault) {
        var end = 0
        while bytes[end] != HTTP1.carriageReturn { end += 1 }
        let line = UnsafeRawBufferPointer(rebasing: bytes[..<end])
        let (method, target, version) = try Self.parts(of: line)
        var fields = HTTP1.FieldLines(bytes)
        if let reason = fields.read(from: end + 2) { throw .init(reason) }
        if let host = fields.host {
            guard host.isEmpty || HTTP1.Authority(bytes[host]) != nil else { throw .init(.host) }
        } else if version == .http11 {
            throw .init(.hostMissing)
        }
        let framing = try fields.declared(version: version).get() ?? .none
        self.init(
            method, target, version: version,
            fields: HTTP1.Fields(bytes: Array(bytes), lines: fields.lines), framing: framing)
    }

    private static func parts(
        of line: UnsafeRawBufferPointer
    ) throws(HTTP1.FieldFault) -> (HTTP1.Method, HTTP1.Target, HTTP1.Version) {
        let parts = line.split(
            separator: HTTP1.space, maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, HTTP1.isToken(parts[0]) else { throw .init(.startLine) }
        guard parts[0].count <= HTTP1.methodBytesMax else { throw .init(.method) }
        let version = try HTTP1.Version(parts[2])
        guard parts[1].count <= Limits.targetBytes else { throw .init(.targetTooLong) }
        let method = HTTP1.Method(token: String(decoding: parts[0], as: UTF8.self))
        guard let target = HTTP1.Target(parts[1], method: method) else { throw .init(.target) }
        return (method, target, version)
    }

    /// Writes the head with the empty line behind it.
    package func encode(into output: inout [UInt8]) {
        output.append(contentsOf: method.description.utf8)
        output.append(HTTP1.space)
        target.encode(into: &output)
        output.append(HTTP1.space)
        version.encode(into: &output)
        output.append(contentsOf: "\r\n".utf8)
        fields.encode(into: &output)
        output.append(contentsOf: "\r\n".utf8)
    }

    /// Host; nil where it is missing or empty.
    package var host: HTTP1.Authority? { fields.first("host").flatMap(HTTP1.Authority.init(_:)) }

    /// Whether the client wants to send another request behind this one (RFC 9112 §9.3).
    package var isPersistent: Bool {
        HTTP1.isPersistent(version: version, connection: fields, named: "connection")
    }

    /// Whether the client waits for 100 before it sends the content (RFC 9110 §10.1.1).
    package var expectsContinue: Bool {
        version == .http11 && framing != .none
            && fields.contains("expect", member: "100-continue")
    }
}

extension HTTP1.Version {
    /// The version that the bytes name.
    init(_ bytes: some Collection<UInt8>) throws(HTTP1.FieldFault) {
        let text = Array(bytes)
        guard text.count == 8, text.starts(with: "HTTP/".utf8), HTTP1.isDigit(text[5]),
            text[6] == UInt8(ascii: "."), HTTP1.isDigit(text[7])
        else { throw .init(.startLine) }
        guard text[5] == UInt8(ascii: "1") else { throw .init(.version) }
        self = text[7] == UInt8(ascii: "0") ? .http10 : .http11
    }

    func encode(into output: inout [UInt8]) {
        output.append(contentsOf: (self == .http10 ? "HTTP/1.0" : "HTTP/1.1").utf8)
    }
}

extension HTTP1 {
    static func isPersistent(version: Version, connection fields: Fields, named: String) -> Bool {
        if fields.contains(named, member: "close") { return false }
        return version == .http11 || fields.contains(named, member: "keep-alive")
    }
}

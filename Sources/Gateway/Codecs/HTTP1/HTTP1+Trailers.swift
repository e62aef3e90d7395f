import Model

extension HTTP1.ChunkReader {
    /// Takes a byte behind the last chunk. Nothing is kept where there are no trailers.
    mutating func takeTrailer(_ byte: UInt8) -> HTTP1.Reason? {
        if isLineEnding {
            guard byte == HTTP1.lineFeed else { return .bareCarriageReturn }
            isLineEnding = false
            guard lineBytes > 0 else { return finish() }
            trailers.append(byte)
            lineBytes = 0
            lineCount += 1
            return lineCount > Limits.headFields ? .tooManyFields : nil
        }
        if byte == HTTP1.carriageReturn {
            isLineEnding = true
            if lineBytes > 0 { trailers.append(byte) }
            return nil
        }
        if let reason = HTTP1.controlFault(byte) { return reason }
        if lineBytes == 0, HTTP1.isBlank(byte) { return .foldedLine }
        guard trailers.count < Limits.trailerBytes else { return .trailersTooLarge }
        trailers.append(byte)
        lineBytes += 1
        return nil
    }

    private mutating func finish() -> HTTP1.Reason? {
        // The empty line, which tells the reader of fields where they end.
        trailers.append(HTTP1.carriageReturn)
        trailers.append(HTTP1.lineFeed)
        let result = trailers.withUnsafeBytes { bytes in
            var lines = HTTP1.FieldLines(bytes)
            return (lines.read(from: 0), lines.lines)
        }
        if let reason = result.0 { return reason }
        finished = HTTP1.Fields(bytes: trailers, lines: result.1)
        finished.removeAll { HTTP1.isForbiddenInTrailers($0) }
        trailers = []
        state = .ended
        return nil
    }
}

extension HTTP1 {
    /// Fields that mean something for framing, routing or logins only in front of the content
    /// (RFC 9110 §6.5.1). A reader that merged them would see another message than we did.
    private static let forbiddenInTrailers = [
        "transfer-encoding", "content-length", "host", "connection", "keep-alive", "te", "trailer",
        "upgrade", "proxy-connection", "expect", "max-forwards", "authorization",
        "proxy-authorization", "proxy-authenticate", "www-authenticate", "cookie", "set-cookie",
        "content-encoding", "content-type", "content-range", "range", "cache-control",
    ]

    static func isForbiddenInTrailers(_ field: Fields.Field) -> Bool {
        forbiddenInTrailers.contains { field.isNamed($0) }
    }

    /// What is wrong with a control byte where text is expected; nil for text and tabs.
    static func controlFault(_ byte: UInt8) -> Reason? {
        guard byte < 0x20 || byte == 0x7f, byte != tab else { return nil }
        return byte == lineFeed ? .bareLineFeed : .controlByte
    }

    static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }

    /// Writes the line in front of a chunk of `count` bytes, which must not be 0: that would end
    /// the content. Behind the data goes `chunkEnd`.
    package static func encodeChunkSize(_ count: Int, into output: inout [UInt8]) {
        precondition(count > 0, "an empty chunk ends the content")
        output.append(contentsOf: String(count, radix: 16).utf8)
        output.append(contentsOf: "\r\n".utf8)
    }

    /// What follows the data of a chunk.
    package static let chunkEnd: [UInt8] = Array("\r\n".utf8)

    /// Writes the last chunk, the trailers and the end of the content.
    package static func encodeLastChunk(
        trailers: Fields = Fields(), into output: inout [UInt8]
    ) {
        output.append(contentsOf: "0\r\n".utf8)
        trailers.encode(into: &output)
        output.append(contentsOf: "\r\n".utf8)
    }
}

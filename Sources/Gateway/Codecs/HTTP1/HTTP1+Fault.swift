extension HTTP1 {
    /// Why bytes are no message that may be acted on, and the status that says so.
    package struct Fault: Hashable, Sendable, CustomStringConvertible {
        /// What is wrong.
        package let reason: Reason
        /// What answers it: 400, 414, 431, 501 or 505 to a client's request; 502 for whatever an
        /// origin sent.
        package let status: UInt16

        /// A fault in a request.
        init(request reason: Reason) {
            self.reason = reason
            status = reason.requestStatus
        }

        /// A fault in a response.
        init(response reason: Reason) {
            self.reason = reason
            status = 502
        }

        /// A fault in a message of that side.
        init(_ reason: Reason, in side: Side) {
            self = side == .request ? Fault(request: reason) : Fault(response: reason)
        }

        /// The reason's text.
        package var description: String { reason.rawValue }
    }

    /// Which of the two messages is read.
    package enum Side: Hashable, Sendable {
        /// From a client.
        case request
        /// From an origin.
        case response
    }

    /// What can be wrong with a message. The texts are stable: logs and answers carry them.
    package enum Reason: String, Hashable, Sendable, CaseIterable {
        /// The first line is not three parts with single spaces, or not a status line.
        case startLine = "malformed first line"
        /// A method over `methodBytesMax`.
        case method = "unknown method"
        /// A major version other than 1.
        case version = "unsupported HTTP version"
        /// A target that is none of the four forms, or not the one that its method takes.
        case target = "malformed request target"
        /// A target over `Limits.targetBytes`.
        case targetTooLong = "request target too long"
        /// A head over `Limits.headBytes`.
        case headTooLarge = "header section too large"
        /// More fields than `Limits.headFields`.
        case tooManyFields = "too many header fields"
        /// A line feed without the carriage return.
        case bareLineFeed = "bare line feed"
        /// A carriage return without the line feed.
        case bareCarriageReturn = "bare carriage return"
        /// NUL or another control byte.
        case controlByte = "control character"
        /// A line that continues the one before (obs-fold).
        case foldedLine = "folded header line"
        /// A line without a colon.
        case fieldLine = "malformed header line"
        /// A field's name that is empty or no token.
        case fieldName = "malformed header name"
        /// A space between a field's name and the colon.
        case spaceBeforeColon = "space before the colon of a header"
        /// HTTP/1.1 without Host.
        case hostMissing = "missing Host"
        /// Host twice, or not a host.
        case host = "malformed Host"
        /// Content-Length twice, or not a decimal number up to `Int64.max`.
        case contentLength = "malformed Content-Length"
        /// Transfer-Encoding twice, or chunked twice or with parameters, or in HTTP/1.0.
        case transferEncoding = "malformed Transfer-Encoding"
        /// A transfer coding other than chunked.
        case transferCoding = "unknown transfer coding"
        /// Content-Length and Transfer-Encoding in one message.
        case conflictingLengths = "both Content-Length and Transfer-Encoding"
        /// A chunk's size that is not 1...16 hexadecimal digits.
        case chunkSize = "malformed chunk size"
        /// An extension over `Limits.chunkLineBytes`.
        case chunkLineTooLong = "chunk extension too long"
        /// Anything but CR LF behind a chunk's data.
        case chunkEnd = "malformed end of chunk"
        /// Trailers over `Limits.trailerBytes`.
        case trailersTooLarge = "trailer section too large"

        var requestStatus: UInt16 {
            switch self {
            case .targetTooLong: 414
            case .headTooLarge, .tooManyFields, .trailersTooLarge: 431
            case .method, .transferCoding: 501
            case .version: 505
            case .startLine, .target, .bareLineFeed, .bareCarriageReturn, .controlByte, .foldedLine,
                .fieldLine, .fieldName, .spaceBeforeColon, .hostMissing, .host, .contentLength,
                .transferEncoding, .conflictingLengths, .chunkSize, .chunkLineTooLong, .chunkEnd:
                400
            }
        }
    }
}

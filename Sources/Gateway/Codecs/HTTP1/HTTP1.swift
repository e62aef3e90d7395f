/// HTTP/1.1 and 1.0 messages (RFC 9110, RFC 9112): heads, framing, chunks.
///
/// Stricter than the RFC where lenience lets two readers see different messages in the same bytes:
/// whatever is ambiguous is a fault, in requests and in responses.
package enum HTTP1 {
    /// The longest method; a longer one is none that anybody implements (RFC 9110 §9.1).
    package static let methodBytesMax = 32

    /// The version that a message is written for.
    package enum Version: Hashable, Sendable {
        /// No chunks, no Host needed, closes unless asked otherwise.
        case http10
        /// Also stands for a higher minor version, which means the same (RFC 9110 §6.2).
        case http11
    }

    /// What a request asks for: a token, with case (RFC 9110 §9).
    package struct Method: Hashable, Sendable, CustomStringConvertible {
        /// The token. Up to 15 bytes do not allocate.
        package let description: String

        /// A method by its name, which must be a token; foreign names come out of `decode`.
        package init(_ name: String) {
            precondition(HTTP1.isToken(name.utf8), "a method is a token (RFC 9110 §9.1)")
            description = name
        }

        /// The method of a decoded head, whose bytes are known to be a token.
        init(token: String) { description = token }

        /// Reads.
        package static let get = Method("GET")
        /// Reads, without the content.
        package static let head = Method("HEAD")
        /// Hands over content.
        package static let post = Method("POST")
        /// Replaces.
        package static let put = Method("PUT")
        /// Removes.
        package static let delete = Method("DELETE")
        /// Asks a proxy for a tunnel.
        package static let connect = Method("CONNECT")
        /// Asks what is possible.
        package static let options = Method("OPTIONS")
        /// Asks for the request back.
        package static let trace = Method("TRACE")
        /// Changes.
        package static let patch = Method("PATCH")
    }

    /// How the end of a message's content is known (RFC 9112 §6.3).
    package enum Framing: Hashable, Sendable {
        /// There is no content.
        case none
        /// So many bytes, at most `Int64.max`.
        case length(UInt64)
        /// Chunks: see `ChunkReader`.
        case chunked
        /// Everything until the sender ends the connection; responses only.
        case untilEnd
    }
}

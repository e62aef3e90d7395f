import Codecs
import Loop
import Model

/// Why a request's body cannot be had.
enum HTTPBodyFault: Error, Equatable {
    /// More than the route takes.
    case tooLarge
    /// The framing is broken.
    case malformed(HTTP1.Fault)
    /// The client is gone, or too slow.
    case stream(StreamFault)
    /// The request was answered already.
    case over
}

/// Reads one request's body from its connection, in pieces.
///
/// ## Concurrency
/// Confined to the server's loop.
final class HTTPBodyReader {
    private let stream: HTTPInbox
    private let framing: HTTP1.Framing
    private let limit: Int
    private var mustSayContinue: Bool
    private var remaining: UInt64
    private var chunks = HTTP1.ChunkReader(.request)
    private var taken = 0
    /// Whether nothing of the body is left on the connection.
    private(set) var isAtEnd: Bool
    /// What it failed with, which the server answers.
    private(set) var fault: HTTPBodyFault?
    private var isOver = false

    init(_ stream: HTTPInbox, _ head: HTTP1.RequestHead, limit: Int) {
        self.stream = stream
        self.limit = limit
        framing = head.framing
        mustSayContinue = head.expectsContinue
        if case .length(let count) = head.framing { remaining = count } else { remaining = 0 }
        isAtEnd = head.framing == .none || head.framing == .length(0)
        if remaining > UInt64(limit) { fault = .tooLarge }
    }

    /// The next piece; nil at the end.
    func next() async throws(HTTPBodyFault) -> [UInt8]? {
        if isOver { throw .over }
        if let fault { throw fault }
        do throws(HTTPBodyFault) {
            return try await read()
        } catch {
            fault = error
            throw error
        }
    }

    /// Nobody reads it any more: a plugin that asks later learns so.
    func end() { isOver = true }

    /// Reads away what is left if that is little, so that the connection can be kept.
    func skipRest() async -> Bool {
        // A client that waits for 100 sends nothing if it gets a final answer.
        guard fault == nil, !mustSayContinue || isAtEnd else { return false }
        var skipped = 0
        while !isAtEnd {
            guard skipped <= Limits.httpSkippedBytes, remaining <= UInt64(Limits.httpSkippedBytes)
            else { return false }
            guard let piece = try? await read() else { return isAtEnd }
            skipped += piece.count
        }
        return true
    }

    private func read() async throws(HTTPBodyFault) -> [UInt8]? {
        while !isAtEnd {
            if stream.unread.isEmpty {
                try await fill()
                continue
            }
            let piece = try take()
            guard !piece.isEmpty else { continue }
            taken += piece.count
            guard taken <= limit else { throw .tooLarge }
            return piece
        }
        return nil
    }

    private func fill() async throws(HTTPBodyFault) {
        do throws(StreamFault) {
            if mustSayContinue {
                mustSayContinue = false
                try await stream.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
            }
            stream.setDeadline(milliseconds: Limits.httpBodyMilliseconds, once: true)
            try await stream.fill()
        } catch {
            throw .stream(error)
        }
    }

    private func take() throws(HTTPBodyFault) -> [UInt8] {
        switch framing {
        case .length:
            let count = Int(min(remaining, UInt64(stream.unread.count)))
            remaining -= UInt64(count)
            isAtEnd = remaining == 0
            return stream.take(count)
        case .chunked:
            var offset = 0
            let unread = stream.unread
            let event = chunks.next(unread.span.bytes, from: &offset)
            stream.drop(offset)
            switch event {
            case .data(let range): return Array(unread[range])
            case .needsMore: return []
            case .end:
                isAtEnd = true
                return []
            case .fault(let fault): throw .malformed(fault)
            }
        case .none, .untilEnd:
            isAtEnd = true
            return []
        }
    }
}

import Codecs
import Loop
import Model

/// What a client has sent and nobody has read, with deadlines; a request's head may be longer than
/// the stream's own buffer.
///
/// ## Concurrency
/// Confined to the server's loop.
final class HTTPInbox {
    private let socket: StreamSocket
    private(set) var unread: [UInt8] = []
    private var isArmed = false

    init(_ socket: StreamSocket) { self.socket = socket }

    /// Whatever waits from now on fails after so long. With `once` a deadline that was set so
    /// before stays: nobody extends it by dripping.
    func setDeadline(milliseconds: Int, once: Bool = false) {
        if once && isArmed { return }
        isArmed = once
        socket.setDeadline(
            nanoseconds: socket.loop.nowNanoseconds + UInt64(milliseconds) * 1_000_000)
    }

    /// The next deadline set `once` counts.
    func releaseDeadline() { isArmed = false }

    func fill() async throws(StreamFault) {
        try await socket.fill()
        unread.append(contentsOf: socket.unread)
        socket.consume(socket.unread.count)
    }

    func take(_ count: Int) -> [UInt8] {
        let part = Array(unread[..<count])
        drop(count)
        return part
    }

    func drop(_ count: Int) { unread.removeFirst(count) }

    /// Writes in pieces, so that a slow client that takes something in time is not cut.
    func write(_ bytes: [UInt8]) async throws(StreamFault) {
        var rest = bytes[...]
        repeat {
            socket.setDeadline(
                nanoseconds: socket.loop.nowNanoseconds
                    + UInt64(Limits.httpWriteMilliseconds) * 1_000_000)
            try await socket.write(Array(rest.prefix(Limits.httpWriteBytes)))
            rest = rest.dropFirst(Limits.httpWriteBytes)
        } while !rest.isEmpty
        isArmed = false
    }
}

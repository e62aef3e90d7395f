import Foundation
import Synchronization

/// Writes the pattern of `[UInt8].pattern` to a socket from a thread of its own, then half-closes.
///
/// ## Concurrency
/// Made and waited for by the test's thread.
final class Sender: Sendable {
    private let result = Mutex<Result<Void, any Error>?>(nil)

    init(_ socket: Socket, count: Int) {
        let thread = Thread { [self] in
            do {
                try Self.send(count, to: socket)
                result.withLock { $0 = .success(()) }
            } catch {
                result.withLock { $0 = .failure(error) }
            }
        }
        thread.start()
    }

    /// Comes back when everything is written.
    func wait(within seconds: Double = 60) throws {
        try waitFor("end of sending", within: seconds) { result.withLock { $0 } }.get()
    }

    private static func send(_ count: Int, to socket: Socket) throws {
        let block = [UInt8].pattern(251 * 1000)
        var sent = 0
        while sent < count {
            let next = min(block.count, count - sent)
            try socket.send(block[..<next])
            sent += next
        }
        socket.shutdownWriting()
    }
}

import Glibc
package import LinuxIO
package import Model

/// A peer's end of a connection. It reads all that comes and keeps it, so that tests can compare
/// every byte.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread.
package final class PeerStream {
    /// Every byte received, in order.
    package private(set) var received: [UInt8] = []
    /// Whether the other side has ended its direction.
    package private(set) var hasEnded = false
    /// Whether the connection was established once.
    package private(set) var isConnected = false
    /// Why the connection failed; a reset is ECONNRESET or EPIPE.
    package private(set) var error: Errno?
    /// Called with every piece received.
    package var onReceive: ((PeerStream, [UInt8]) -> Void)?
    /// Called when the other side has ended its direction.
    package var onEnd: ((PeerStream) -> Void)?
    /// Nothing is read while true: buffers fill on both sides.
    package var isPaused = false { didSet { stream.wake() } }
    /// Reads at most so many bytes, then rests so long; nil reads at once.
    package var pace: (bytes: Int, restNanoseconds: UInt64)?

    private let stream: SimulatedStream
    private var pending = ByteQueue()
    private var wantsFinish = false
    private var isResting = false
    private var isClosed = false

    init(_ stream: SimulatedStream) {
        self.stream = stream
        stream.observer = { [self] in serve() }
        stream.wake()
    }

    /// This side's address.
    package var local: Endpoint { stream.local }
    /// The other side's address.
    package var remote: Endpoint { stream.remote }
    /// Bytes given to `send` that the network has not carried to the other side.
    package var unsentCount: Int { pending.count + stream.outgoing.count }
    /// Bytes that arrived and were not read, while paused or resting.
    package var unreadCount: Int { stream.incoming.count }
    /// Whether both directions have ended in order.
    package var hasFinished: Bool { hasEnded && wantsFinish && unsentCount == 0 }

    /// Sends bytes as the network takes them.
    package func send(_ bytes: some Collection<UInt8>) {
        precondition(!wantsFinish && !isClosed, "a peer sends after its own end")
        pending.append(bytes)
        stream.wake()
    }

    /// Sends text.
    package func send(_ text: String) { send(Array(text.utf8)) }

    /// Ends this direction once all is sent; goes on reading.
    package func finish() {
        wantsFinish = true
        stream.wake()
    }

    /// Closes at once, as a process that exits: a reset if something was not read.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        stream.closed()
    }

    /// Resets the connection.
    package func reset() {
        stream.resetsOnClose = true
        close()
    }

    private func serve() {
        guard !isClosed, stream.phase != .connecting else { return }
        if stream.error == 0 && stream.phase == .established { isConnected = true }
        readAll()
        writeAll()
        if hasFinished && !stream.isOrphan { stream.closed() }
    }

    private func readAll() {
        while !isPaused && !isResting && !isClosed && !hasEnded && error == nil {
            switch stream.arrival() {
            case .bytes:
                let bytes = stream.read(pace?.bytes ?? 65_536)
                received.append(contentsOf: bytes)
                rest()
                onReceive?(self, bytes)
            case .end:
                hasEnded = true
                onEnd?(self)
            case .failed(let code):
                error = Errno(code, in: "recv")
            case .nothing:
                return
            }
        }
    }

    private func rest() {
        guard let pace else { return }
        isResting = true
        stream.kernel.plan(afterNanoseconds: pace.restNanoseconds) { [self] in
            isResting = false
            serve()
        }
    }

    private func writeAll() {
        while !pending.isEmpty && !isClosed && error == nil {
            switch stream.room() {
            case .bytes(let room):
                let bytes = pending.take(room)
                stream.write(bytes, isAll: pending.isEmpty)
            case .failed(let code):
                error = Errno(code, in: "send")
                return
            case .none:
                return
            }
        }
        if wantsFinish && pending.isEmpty { stream.shutdownSending() }
    }
}

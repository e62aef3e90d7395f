import LinuxIO
import Loop
import Model

/// One side of an HTTP connection: what came and was not consumed, and what the kernel has not
/// taken yet. Both are empty most of the time, so an idle connection holds no buffer.
///
/// ## Concurrency
/// Confined to its loop.
final class HTTPStream {
    let socket: StreamSocket
    private var held: [UInt8]
    private var pending: [UInt8] = []
    private var pendingStart = 0

    /// Takes over a stream and what it has received. Its observer is the caller's to set.
    init(_ socket: StreamSocket) {
        self.socket = socket
        socket.clearDeadline()
        held = Array(socket.unread)
        socket.consume(held.count)
    }

    // MARK: Reading

    /// What a read found.
    enum Arrival {
        /// All that is not consumed, in the loop's scratch memory: the next read of any stream of
        /// the loop overwrites it. The caller keeps the rest with `hold`.
        case bytes(UnsafeRawBufferPointer)
        /// Nothing yet.
        case nothing
        /// The peer has ended its direction; what is held stays.
        case ended
        /// The stream broke.
        case failed(Errno)
    }

    /// Whether bytes are held.
    var hasHeld: Bool { !held.isEmpty }
    /// How many.
    var heldCount: Int { held.count }

    /// Takes what is held, to be looked at without reading.
    func takeHeld() -> [UInt8] {
        let taken = held
        held = []
        return taken
    }

    /// Reads once, at most so many bytes, and puts what comes behind what is held.
    func read(atMost limit: Int = .max) -> Arrival {
        guard socket.isReadable else { return .nothing }
        let (scratch, before) = (socket.loop.scratch, held.count)
        if before > 0 { held.withUnsafeBytes { scratch.copyMemory(from: $0) } }
        // One read per turn of a connection, and never more than a slow peer may make us keep.
        let end = min(scratch.count, before + min(limit, Limits.messageReadBytes))
        precondition(before < end, "more is held than can be looked at")
        switch socket.receive(into: UnsafeMutableRawBufferPointer(rebasing: scratch[before..<end]))
        {
        case .bytes(0):
            return .ended
        case .bytes(let count):
            held = []
            return .bytes(UnsafeRawBufferPointer(rebasing: scratch[..<(before + count)]))
        case .wouldBlock:
            return .nothing
        case .failed(let error):
            return .failed(error)
        }
    }

    /// Keeps what was not consumed.
    func hold(_ rest: UnsafeRawBufferPointer) {
        precondition(held.isEmpty, "bytes were held twice")
        if !rest.isEmpty { held = Array(rest) }
    }

    // MARK: Writing

    /// What came of a write.
    enum Sent {
        /// The kernel took so many bytes now; the rest waits here.
        case took(Int)
        /// The stream broke.
        case failed(Errno)
    }

    /// Whether bytes wait for the kernel.
    var hasPending: Bool { !pending.isEmpty }

    /// Writes; what the kernel does not take is kept. Nothing may be pending.
    func write(_ bytes: UnsafeRawBufferPointer) -> Sent {
        precondition(pending.isEmpty, "bytes would overtake others")
        if bytes.isEmpty { return .took(0) }
        switch socket.send(bytes) {
        case .bytes(let count):
            if count < bytes.count { pending = Array(bytes[count...]) }
            return .took(count)
        case .wouldBlock:
            pending = Array(bytes)
            return .took(0)
        case .failed(let error):
            return .failed(error)
        }
    }

    /// Writes bytes of an array.
    func write(_ bytes: [UInt8]) -> Sent { bytes.withUnsafeBytes { write($0) } }

    /// Goes on with what is pending.
    func flush() -> Sent {
        let result = pending.withUnsafeBytes { all in
            socket.send(UnsafeRawBufferPointer(rebasing: all[pendingStart...]))
        }
        switch result {
        case .bytes(let count):
            pendingStart += count
            if pendingStart == pending.count { dropPending() }
            return .took(count)
        case .wouldBlock:
            return .took(0)
        case .failed(let error):
            return .failed(error)
        }
    }

    /// Forgets what is pending: nobody will take it.
    func dropPending() {
        pending = []
        pendingStart = 0
    }
}

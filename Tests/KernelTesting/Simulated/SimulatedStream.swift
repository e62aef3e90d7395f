import Glibc
import LinuxIO
import Model

/// One end of a connection.
///
/// What an end sends waits in its own `outgoing` until the network carries it to the other's
/// `incoming`, which never holds more than its capacity. The rules follow tcp_poll, tcp_recvmsg,
/// tcp_sendmsg, tcp_close and tcp_reset of Linux.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread.
final class SimulatedStream: KernelObject {
    enum Phase {
        case connecting
        case established
        case closed
    }

    let local: Endpoint
    let remote: Endpoint
    var phase: Phase
    /// The other end; nil before it exists and after it is gone.
    var other: SimulatedStream?
    /// Bytes that arrived and were not read.
    var incoming = ByteQueue()
    /// Bytes accepted for sending and not yet arrived.
    var outgoing = ByteQueue()
    let capacity: Int
    /// The other end has ended its direction, and all before that has arrived.
    private(set) var hasReceivedEnd = false
    /// We have ended our direction.
    private(set) var wantsEnd = false
    /// Our end has arrived at the other side.
    private(set) var hasSentEnd = false
    /// No descriptor refers to it any more.
    private(set) var isOrphan = false
    /// Closing must reset.
    var resetsOnClose = false
    /// A pending error code, 0 for none.
    var error: Int32 = 0
    /// A write found no room: an edge is owed when there is.
    private var wantsSpace = false
    private var isTransmitPlanned = false

    init(kernel: SimulatedKernel, local: Endpoint, remote: Endpoint, phase: Phase) {
        self.local = local
        self.remote = remote
        self.phase = phase
        capacity = kernel.bufferBytes
        super.init(kernel: kernel)
    }

    override var mayBeReportedIdly: Bool { phase == .established }

    override func poll() -> Readiness {
        var ready: Readiness = []
        if phase == .connecting { return ready }
        if error != 0 { ready.formUnion([.failed, .readable, .writable]) }
        if phase == .closed || hasReceivedEnd && wantsEnd {
            ready.formUnion([.readable, .writable, .peerEnded])
        }
        if hasReceivedEnd { ready.formUnion([.readable, .peerEnded]) }
        if !incoming.isEmpty { ready.insert(.readable) }
        if wantsEnd || hasSpace {
            ready.insert(.writable)
        } else {
            wantsSpace = true
        }
        return ready
    }

    /// Linux reports room only when a third of the buffer is free.
    private var hasSpace: Bool { outgoing.count * 3 <= capacity * 2 }

    // MARK: The application's side

    func takeError() -> Int32 {
        defer { error = 0 }
        return error
    }

    /// What a read finds: bytes to come, the end, an error or nothing yet.
    enum Arrival {
        case bytes
        case end
        case failed(Int32)
        case nothing
    }

    /// Takes an error with it, as a read does.
    func arrival() -> Arrival {
        if !incoming.isEmpty { return .bytes }
        if hasReceivedEnd { return .end }
        if error != 0 { return .failed(takeError()) }
        return phase == .closed ? .end : .nothing
    }

    /// Takes bytes that arrived, and tells the other side of the room.
    func read(_ limit: Int) -> [UInt8] {
        let bytes = incoming.take(limit)
        other?.planTransmit()
        return bytes
    }

    /// What a write finds: room, an error or nothing.
    enum Room {
        case bytes(Int)
        case failed(Int32)
        case none
    }

    /// Takes an error with it, as a write does.
    func room() -> Room {
        if error != 0 { return .failed(takeError()) }
        if wantsEnd || phase == .closed { return .failed(EPIPE) }
        if phase == .connecting || outgoing.count >= capacity {
            wantsSpace = true
            return .none
        }
        return .bytes(capacity - outgoing.count)
    }

    /// Accepts bytes that fit. When not all did, an edge is owed.
    func write(_ bytes: [UInt8], isAll: Bool) {
        outgoing.append(bytes)
        if !isAll { wantsSpace = true }
        planTransmit()
    }

    func shutdownSending() {
        guard phase != .closed, !wantsEnd else { return }
        wantsEnd = true
        planTransmit()
        wake()
    }

    override func closed() {
        guard !isOrphan else { return }
        isOrphan = true
        observer = nil
        if phase == .connecting {
            phase = .closed
        } else if phase == .established {
            // Bytes that nobody will read are a reset, RFC 1122 §4.2.2.13.
            if resetsOnClose || !incoming.isEmpty {
                abort()
            } else {
                wantsEnd = true
                planTransmit()
            }
        }
    }

    // MARK: The network's side

    func establish(with other: SimulatedStream) {
        guard phase == .connecting else { return }
        self.other = other
        phase = .established
        wake()
        planTransmit()
    }

    func failConnecting(_ code: Int32) {
        guard phase == .connecting else { return }
        fail(code)
    }

    /// Ends with a reset to the other side.
    func abort() {
        guard phase != .closed else { return }
        phase = .closed
        outgoing.removeAll()
        incoming.removeAll()
        let other = other
        self.other = nil
        if let other { kernel.deliver { other.receiveReset() } }
    }

    /// A reset arrived. What arrived before may still be read.
    func receiveReset() {
        guard phase != .closed, !(hasReceivedEnd && hasSentEnd) else { return }
        // With the other end known, only its answer is still under way.
        let isRefusal = phase == .connecting && other == nil
        let isClosing = hasReceivedEnd && !wantsEnd
        fail(isRefusal ? ECONNREFUSED : isClosing ? EPIPE : ECONNRESET)
    }

    private func fail(_ code: Int32) {
        phase = .closed
        error = code
        outgoing.removeAll()
        other = nil
        wake()
    }

    func planTransmit() {
        guard !isTransmitPlanned, phase == .established, other != nil else { return }
        if outgoing.isEmpty && (!wantsEnd || hasSentEnd) { return }
        isTransmitPlanned = true
        kernel.deliver { [self] in
            isTransmitPlanned = false
            transmit()
        }
    }

    /// Carries what fits to the other side, then our end.
    private func transmit() {
        guard phase == .established, let other else { return }
        if kernel.chance(kernel.faults.resets) { return cut() }
        if other.phase == .connecting { other.establish(with: self) }
        if other.isOrphan && !outgoing.isEmpty {
            // RFC 9293 §3.6.1: there is nobody left to take these bytes.
            other.phase = .closed
            other.other = nil
            return receiveReset()
        }
        carry(to: other)
        if outgoing.isEmpty && wantsEnd && !hasSentEnd {
            hasSentEnd = true
            other.receiveEnd()
        } else if other.incoming.count < other.capacity {
            planTransmit()
        }
        retireIfDone()
    }

    private func carry(to other: SimulatedStream) {
        let limit = min(other.capacity - other.incoming.count, kernel.segmentBytes ?? .max)
        guard limit > 0, !outgoing.isEmpty else { return }
        other.incoming.append(outgoing.take(limit))
        other.wake()
        if wantsSpace && hasSpace {
            wantsSpace = false
            wake()
        }
    }

    private func receiveEnd() {
        hasReceivedEnd = true
        wake()
        retireIfDone()
    }

    /// Both ends have ended: nothing refers to the other any more.
    private func retireIfDone() {
        guard isOrphan, hasSentEnd, hasReceivedEnd, let other, other.isOrphan else { return }
        guard other.hasSentEnd else { return }
        phase = .closed
        other.phase = .closed
        other.other = nil
        self.other = nil
    }

    /// The network loses the connection for both sides.
    private func cut() {
        let other = other
        receiveReset()
        other?.receiveReset()
    }
}

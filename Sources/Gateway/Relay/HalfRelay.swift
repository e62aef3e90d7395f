import LinuxIO
import Metering
import Model

/// One direction of a stream relay: what was read and not yet written, and how to go on.
///
/// A value inside its relay. `pump` works on a copy and writes it back, because calls it makes may
/// come back to the relay (exclusivity).
struct HalfRelay {
    /// Bytes accepted and not yet written; only while the sink is full.
    private var pending: PendingBytes?
    /// The lent pipe; only while the direction moves bulk.
    private var pipe: SplicePipe?
    private var bulkReads: UInt8 = 0
    /// The source has ended; what is left is being written.
    private(set) var sourceEnded = false
    /// Nothing moves this way any more.
    private(set) var isDone = false

    /// What a call to `pump` came to.
    enum Outcome: Equatable {
        /// Would block on one side or the other.
        case waits
        /// The turn's share is used up; there may be more.
        case usedShare
        /// What limits allow is used up; there may be more to move.
        case spent
        /// The source has ended and all was written.
        case drained
        /// Reading failed.
        case readFailed(Errno)
        /// Writing failed.
        case writeFailed(Errno)
    }

    /// What `pump` works with.
    struct Sides {
        let driver: any IODriver
        let pipes: PipePool
        let scratch: UnsafeMutableRawBufferPointer
        let source: Descriptor
        let sink: Descriptor
        var sourceReady: Readiness
        var sinkReady: Readiness
        let meter: FlowMeter
        let direction: Direction
        /// Bytes that may be read; what was read is taken off.
        var allowed: Int

        /// Counts what the kernel took: the one place for a stream's payload.
        func moved(_ count: Int) { meter.count(direction, bytes: count, packets: 1) }
    }

    /// Keeps bytes that were received before the relay began.
    mutating func prepend(_ bytes: UnsafeRawBufferPointer) {
        precondition(pending == nil, "bytes were put in front of pending ones")
        if !bytes.isEmpty { keep(bytes) }
    }

    /// Moves what can be moved, within the turn's share.
    mutating func pump(_ sides: inout Sides) -> Outcome {
        for _ in 0..<Limits.transfersPerTurn {
            if let stop = flush(&sides) { return stop }
            if sourceEnded { return .drained }
            guard sides.sourceReady.contains(.readable) else {
                returnPipe(sides.pipes)
                return .waits
            }
            // Nothing is read for a sink that is full: the bytes wait in the kernel.
            guard sides.sinkReady.contains(.writable) else { return .waits }
            guard sides.allowed > 0 else {
                returnPipe(sides.pipes)
                return .spent
            }
            if let stop = read(&sides) { return stop }
        }
        if let stop = flush(&sides) { return stop }
        return sourceEnded ? .drained : .usedShare
    }

    private mutating func read(_ sides: inout Sides) -> Outcome? {
        if bulkReads >= Limits.bulkReads, pipe == nil { pipe = sides.pipes.take() }
        return pipe != nil ? spliceIn(&sides) : copy(&sides)
    }

    // MARK: Writing what is held

    private mutating func flush(_ sides: inout Sides) -> Outcome? {
        while true {
            let isSplicing = pending == nil
            if isSplicing && (pipe?.byteCount ?? 0) == 0 { return nil }
            guard sides.sinkReady.contains(.writable) else { return .waits }
            switch isSplicing ? spliceOut(sides) : sendPending(sides) {
            case .bytes(let count):
                sides.moved(count)
                if isSplicing {
                    pipe?.byteCount -= count
                } else if pending?.drop(count) == true {
                    pending = nil
                }
            case .wouldBlock:
                sides.sinkReady.remove(.writable)
            case .failed(let error):
                return .writeFailed(error)
            }
        }
    }

    private func sendPending(_ sides: Sides) -> Transfer {
        guard let pending else { preconditionFailure("nothing is pending") }
        return sides.driver.send(sides.sink, pending.rest)
    }

    private func spliceOut(_ sides: Sides) -> Transfer {
        guard let pipe else { preconditionFailure("bytes in no pipe") }
        return sides.driver.splice(
            from: pipe.ends.reading, to: sides.sink, count: pipe.byteCount)
    }

    // MARK: Reading

    private mutating func spliceIn(_ sides: inout Sides) -> Outcome? {
        guard let pipe else { preconditionFailure("splicing without a pipe") }
        switch sides.driver.splice(
            from: sides.source, to: pipe.ends.writing,
            count: min(pipe.ends.capacity, sides.allowed))
        {
        case .bytes(0):
            sourceEnded = true
        case .bytes(let count):
            pipe.byteCount += count
            pipe.latestCount = count
            sides.allowed -= count
        case .wouldBlock:
            // The pipe is empty here, so it was the source that had nothing.
            sides.sourceReady.remove(.readable)
        case .failed(let error):
            return .readFailed(error)
        }
        return nil
    }

    private mutating func copy(_ sides: inout Sides) -> Outcome? {
        let count: Int
        let room =
            sides.allowed >= sides.scratch.count
            ? sides.scratch
            : UnsafeMutableRawBufferPointer(rebasing: sides.scratch[..<sides.allowed])
        switch sides.driver.receive(sides.source, into: room) {
        case .bytes(0):
            sourceEnded = true
            return nil
        case .bytes(let received):
            count = received
        case .wouldBlock:
            sides.sourceReady.remove(.readable)
            return nil
        case .failed(let error):
            return .readFailed(error)
        }
        sides.allowed -= count
        if count < room.count && !sides.sourceReady.contains(.peerEnded) {
            sides.sourceReady.remove(.readable)
        }
        bulkReads = count >= Limits.bulkReadBytes ? min(bulkReads + 1, UInt8(Limits.bulkReads)) : 0
        return write(UnsafeRawBufferPointer(rebasing: sides.scratch[..<count]), &sides)
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer, _ sides: inout Sides) -> Outcome? {
        guard sides.sinkReady.contains(.writable) else {
            keep(bytes)
            return .waits
        }
        switch sides.driver.send(sides.sink, bytes) {
        case .bytes(let count):
            sides.moved(count)
            if count == bytes.count { return nil }
            keep(UnsafeRawBufferPointer(rebasing: bytes[count...]))
        case .wouldBlock:
            keep(bytes)
        case .failed(let error):
            return .writeFailed(error)
        }
        // A short write means that the socket's buffer is full.
        sides.sinkReady.remove(.writable)
        return .waits
    }

    // MARK: Holding

    private mutating func keep(_ bytes: UnsafeRawBufferPointer) {
        pending = PendingBytes(bytes)
    }

    private mutating func returnPipe(_ pipes: PipePool) {
        guard let pipe, pipe.byteCount == 0 else { return }
        // Small reads are cheaper copied: what was bulk has to prove it again.
        if pipe.latestCount < Limits.bulkReadBytes { bulkReads = 0 }
        self.pipe = nil
        pipes.giveBack(pipe)
    }

    /// Nothing moves this way any more; what is held is freed now, since the other way may go on
    /// for long.
    mutating func finish(_ pipes: PipePool) {
        isDone = true
        discard(pipes)
    }

    /// Frees what is held; bytes in it are lost.
    mutating func discard(_ pipes: PipePool) {
        pending = nil
        if let pipe { pipes.giveBack(pipe) }
        pipe = nil
    }
}

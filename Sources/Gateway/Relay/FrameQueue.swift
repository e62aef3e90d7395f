import Bytes
import Codecs
import LinuxIO
import Metering
import Model

/// Datagrams framed for a stream, which the kernel has not taken yet.
///
/// Memory is borrowed from the loop while there is something in it. A frame that finds no room is
/// dropped: datagrams that wait for a slow reader would come too late anyway.
struct FrameQueue {
    let direction: Direction
    private var memory: UnsafeMutableRawBufferPointer?
    private var (head, tail) = (0, 0)
    private var frames: [Frame] = []
    private var first = 0

    private struct Frame {
        var flow: DatagramFlow?
        let payloadBytes: Int
        let bytes: Int
        /// Bytes that the kernel has not taken.
        var missing: Int
    }

    init(_ direction: Direction) { self.direction = direction }

    var isEmpty: Bool { head == tail }

    /// Frames a datagram; false when there is no room. An empty one has no frame: see
    /// `SOCKS5.StreamHeader`.
    mutating func add(
        _ payload: UnsafeRawBufferPointer, flow: DatagramFlow, _ buffers: FrameBuffers
    ) -> Bool {
        let header = direction == .downlink ? flow.header : flow.uplinkHeader
        let bytes = header.count + payload.count
        guard !payload.isEmpty, let memory = makeRoom(bytes, buffers) else { return false }
        var writer = ByteWriter(
            UnsafeMutableRawBufferPointer(rebasing: memory[tail..<tail + bytes]))
        SOCKS5.StreamHeader.encode(
            payloadByteCount: payload.count, datagramHeader: header, into: &writer)
        writer.write(payload.bytes)
        tail += bytes
        frames.append(
            Frame(flow: flow, payloadBytes: payload.count, bytes: bytes, missing: bytes))
        return true
    }

    private mutating func makeRoom(
        _ bytes: Int, _ buffers: FrameBuffers
    ) -> UnsafeMutableRawBufferPointer? {
        guard let memory = self.memory ?? buffers.take() else { return nil }
        self.memory = memory
        if memory.count - tail >= bytes { return memory }
        if head > 0 {
            memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[head..<tail]))
            (head, tail) = (0, tail - head)
            frames.removeFirst(first)
            first = 0
        }
        return memory.count - tail >= bytes ? memory : nil
    }

    /// Writes what it can. Each datagram is counted once, when the kernel has taken its last byte.
    mutating func write(
        to descriptor: Descriptor, _ driver: any IODriver, _ buffers: FrameBuffers,
        nowNanoseconds: UInt64
    ) -> Transfer {
        while let memory, head < tail {
            let result = driver.send(
                descriptor, UnsafeRawBufferPointer(rebasing: memory[head..<tail]))
            guard case .bytes(let count) = result else { return result }
            head += count
            taken(count, nowNanoseconds)
            // A short write means that the socket's buffer is full.
            if head < tail { return .wouldBlock }
        }
        giveBack(buffers)
        return .bytes(0)
    }

    private mutating func taken(_ count: Int, _ nowNanoseconds: UInt64) {
        var count = count
        while count > 0 {
            let part = min(count, frames[first].missing)
            frames[first].missing -= part
            count -= part
            guard frames[first].missing == 0 else { return }
            let frame = frames[first]
            // What was counted is let go of: the flow may end long before the queue is empty.
            frames[first].flow = nil
            first += 1
            guard let flow = frame.flow else { continue }
            flow.lastMoveNanoseconds = nowNanoseconds
            flow.meter.count(direction, bytes: frame.payloadBytes, packets: 1)
            if direction == .downlink {
                flow.meter.countOverhead(
                    uplinkBytes: 0, downlinkBytes: UInt64(frame.bytes - frame.payloadBytes))
            }
        }
    }

    /// Drops what is kept of a flow. A frame of it that the kernel has begun to take is finished,
    /// since the stream would be torn otherwise, and counts as dropped too.
    mutating func forget(_ flow: DatagramFlow) {
        guard let memory, frames[first...].contains(where: { $0.flow === flow }) else { return }
        var (from, to) = (head, head)
        var kept: [Frame] = []
        for frame in frames[first...] {
            var frame = frame
            let isHis = frame.flow === flow
            if isHis {
                flow.meter.countDropped(packets: 1)
                frame.flow = nil
            }
            if !isHis || frame.missing < frame.bytes {
                let bytes = UnsafeRawBufferPointer(rebasing: memory[from..<from + frame.missing])
                UnsafeMutableRawBufferPointer(rebasing: memory[to...]).copyMemory(from: bytes)
                to += frame.missing
                kept.append(frame)
            }
            from += frame.missing
        }
        (frames, first, tail) = (kept, 0, to)
    }

    /// Drops everything.
    mutating func discard(_ buffers: FrameBuffers) {
        for frame in frames[first...] { frame.flow?.meter.countDropped(packets: 1) }
        giveBack(buffers)
    }

    private mutating func giveBack(_ buffers: FrameBuffers) {
        if let memory { buffers.giveBack(memory) }
        memory = nil
        (head, tail, first) = (0, 0, 0)
        frames.removeAll(keepingCapacity: frames.capacity <= Limits.datagramsPerReceive)
    }
}

/// Memory for the frames of a loop's streams; a few pieces are kept for the next ones.
///
/// ## Concurrency
/// Confined to its loop.
final class FrameBuffers {
    private var spares: [UnsafeMutableRawBufferPointer] = []
    private var lent = 0

    deinit { for spare in spares { spare.deallocate() } }

    /// Nil when as many are lent as may be.
    func take() -> UnsafeMutableRawBufferPointer? {
        guard lent < Limits.frameBuffersPerLoop else { return nil }
        lent += 1
        return spares.popLast()
            ?? .allocate(byteCount: Limits.framesPerStreamBytes, alignment: 64)
    }

    func giveBack(_ memory: UnsafeMutableRawBufferPointer) {
        lent -= 1
        if spares.count < Limits.spareFrameBuffersPerLoop {
            spares.append(memory)
        } else {
            memory.deallocate()
        }
    }
}

import Limiting
import LinuxIO
import Metering
import Model

/// Collects datagrams of one direction, joins equal ones into trains, sends them and counts what
/// the kernel took. One per loop and direction, reused.
///
/// Ranges are borrowed from the inbox, so a batch is sent before the next receive.
///
/// ## Concurrency
/// Confined to its loop.
final class DatagramBatch {
    private let driver: any IODriver
    private let outbox = DatagramOutbox()
    private let singles = DatagramOutbox()
    private var entries: [Entry] = []
    private let direction: Direction

    /// What is known of one outgoing message.
    private struct Entry {
        let flow: DatagramFlow
        let headerBytes: Int
        var segments: Int
        var bytes: Int
        var segmentBytes: Int
        var isSealed: Bool
    }

    /// Bytes of one train at most: a little below what fits an IP packet.
    private static let trainBytesMax = 65_000

    init(driver: any IODriver, direction: Direction) {
        self.driver = driver
        self.direction = direction
        entries.reserveCapacity(64)
    }

    /// Adds one datagram's payload; it joins the last message when that is a train to the same
    /// peer that it fits into. One that is over the flow's limits is dropped and counted.
    func add(_ payload: UnsafeRawBufferPointer, flow: DatagramFlow) {
        guard flow.admits(direction, payload.count) else { return }
        let header = direction == .downlink ? flow.header : flow.uplinkHeader
        let bytes = header.count + payload.count
        if let last = entries.last, last.flow === flow, !last.isSealed, !flow.refusesTrains,
            bytes <= last.segmentBytes, bytes > 0, last.segments < Limits.segmentsPerSend,
            last.bytes + bytes <= Self.trainBytesMax
        {
            let index = entries.count - 1
            entries[index].segments += 1
            entries[index].bytes += bytes
            // Only the last datagram of a train may be shorter.
            entries[index].isSealed = bytes < last.segmentBytes
            if last.segments == 1 { outbox.setSegmentBytes(last.segmentBytes) }
        } else {
            let isDown = direction == .downlink
            outbox.begin(
                to: isDown ? flow.client : flow.target,
                from: isDown ? flow.localAddress : .anyV6)
            entries.append(
                Entry(
                    flow: flow, headerBytes: header.count, segments: 1, bytes: bytes,
                    segmentBytes: bytes, isSealed: bytes == 0))
        }
        if !header.isEmpty { outbox.append(header) }
        outbox.append(payload)
    }

    /// Sends everything. What the kernel does not take is dropped and counted as dropped.
    func send(on socket: Descriptor, nowNanoseconds: UInt64) {
        var index = 0
        while index < entries.count {
            switch driver.sendDatagrams(socket, outbox, from: index) {
            case .bytes(let count):
                precondition(count > 0, "a send of nothing")
                for sent in index..<(index + count) { delivered(entries[sent], nowNanoseconds) }
                index += count
            case .wouldBlock:
                for entry in entries[index...] { drop(entry) }
                index = entries.count
            case .failed(let error):
                refused(index, error, socket, nowNanoseconds)
                index += 1
            }
        }
        outbox.removeAll()
        entries.removeAll(keepingCapacity: true)
    }

    private func delivered(_ entry: Entry, _ nowNanoseconds: UInt64) {
        entry.flow.lastMoveNanoseconds = nowNanoseconds
        count(entry.flow, bytes: entry.bytes, segments: entry.segments, of: entry)
    }

    private func count(_ flow: DatagramFlow, bytes: Int, segments: Int, of entry: Entry) {
        let payload = bytes - segments * entry.headerBytes
        // Only a train's last datagram may be shorter; it may be empty, and so may all be.
        let full = (segments - 1) * (entry.segmentBytes - entry.headerBytes)
        if segments > 1 { flow.meter.count(direction, bytes: full, packets: segments - 1) }
        flow.meter.count(direction, bytes: payload - full, packets: 1)
        if direction == .downlink, entry.headerBytes > 0 {
            flow.meter.countOverhead(
                uplinkBytes: 0, downlinkBytes: UInt64(segments * entry.headerBytes))
        }
    }

    private func drop(_ entry: Entry) {
        entry.flow.meter.countDropped(packets: entry.segments)
        entry.flow.limits?.refund(direction, entry.bytes - entry.segments * entry.headerBytes)
    }

    /// A train that a device cannot cut is sent as single datagrams, from now on for this peer.
    private func refused(
        _ index: Int, _ error: Errno, _ socket: Descriptor, _ nowNanoseconds: UInt64
    ) {
        let entry = entries[index]
        guard entry.segments > 1, error.refusesTrain else { return drop(entry) }
        entry.flow.refusesTrains = true
        let message = outbox.messages[index]
        let perSegment = message.rangeCount / entry.segments
        for segment in 0..<entry.segments {
            singles.removeAll()
            singles.begin(to: message.destination, from: message.source)
            var bytes = 0
            for offset in 0..<perSegment {
                let range = outbox.ranges[message.firstRange + segment * perSegment + offset]
                singles.append(range)
                bytes += range.count
            }
            if case .bytes = driver.sendDatagrams(socket, singles, from: 0) {
                entry.flow.lastMoveNanoseconds = nowNanoseconds
                count(entry.flow, bytes: bytes, segments: 1, of: entry)
            } else {
                entry.flow.meter.countDropped(packets: 1)
                entry.flow.limits?.refund(direction, bytes - entry.headerBytes)
            }
        }
        singles.removeAll()
    }
}

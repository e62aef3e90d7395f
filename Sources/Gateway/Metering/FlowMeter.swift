package import Model

/// What runs a flow and can end it from outside.
package protocol FlowOwner: AnyObject {
    /// Ends the flow now. Called on the loop; closing the meter follows from it.
    func cut(_ meter: FlowMeter, _ end: FlowEnd)
    /// Ends what has been quiet for too long; called now and again. Default: nothing, for owners
    /// that watch their own.
    func endIfIdle(nowNanoseconds: UInt64)
}

extension FlowOwner {
    package func endIfIdle(nowNanoseconds: UInt64) {}
}

/// The one place where a flow's bytes are counted.
///
/// Call `count` once after the write or splice that moved the bytes, with what the kernel returned.
/// It adds to the flow's slot in the meter file: a word in memory, no lock, no allocation.
///
/// ## Concurrency
/// Confined to its loop. Exactly one per flow; `Ledger.close` ends it.
package final class FlowMeter {
    /// The flow's facts.
    package let flow: FlowInfo
    let slot: FlowSlot
    let slotIndex: UInt32
    let isReported: Bool
    unowned let ledger: Ledger
    /// What runs the flow. It outlives the meter's open time, so no count is kept of it.
    package unowned(unsafe) var owner: (any FlowOwner)?
    var isDirty = false
    var isClosed = false
    var next: FlowMeter?
    unowned(unsafe) var previous: FlowMeter?

    init(
        flow: FlowInfo, slot: FlowSlot, slotIndex: UInt32, isReported: Bool, ledger: Ledger
    ) {
        self.flow = flow
        self.slot = slot
        self.slotIndex = slotIndex
        self.isReported = isReported
        self.ledger = ledger
    }

    /// Counts payload that was delivered: `bytes` in all, in `packets` datagrams (for TCP: reads).
    package func count(_ direction: Direction, bytes: Int, packets: Int) {
        let word = direction == .uplink ? 0 : 2
        slot.counters[word] &+= UInt64(bytes)
        slot.counters[word + 1] &+= UInt64(packets)
        if !isDirty { ledger.markDirty(self) }
        if isReported && ledger.hasReporters {
            ledger.report(self, direction, bytes: bytes, packets: packets)
        }
    }

    /// Counts handshake and framing bytes on the client's side.
    package func countOverhead(uplinkBytes: UInt64, downlinkBytes: UInt64) {
        slot.counters[4] &+= uplinkBytes
        slot.counters[5] &+= downlinkBytes
        if !isDirty { ledger.markDirty(self) }
    }

    /// Counts datagrams that were received and could not be delivered.
    package func countDropped(packets: Int) {
        slot.counters[6] &+= UInt64(packets)
        if !isDirty { ledger.markDirty(self) }
    }

    /// What was counted so far.
    package var counts: FlowCounts { slot.counts }
}

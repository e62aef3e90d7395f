package import Model

/// The flows that a boot left behind when it died: open ones, and ended ones that not every
/// observer had stored.
package struct DeadBoot: Sendable {
    /// One flow as its slot had it.
    package struct Flow: Sendable {
        /// Its facts.
        package let info: FlowInfo
        /// Its counts.
        package let counts: FlowCounts
        /// How it ended: as stored, or by the crash.
        package let end: FlowEnd
        /// When its counts were stored last.
        package let touchedMilliseconds: Int64
    }

    /// The boot.
    package let boot: BootID
    /// Its flows.
    package let flows: [Flow]

    /// Reads one loop's files of a dead boot; a chunk that is not whole is left out.
    package init(
        boot: BootID, slotBytes: UnsafeRawBufferPointer, textBytes: UnsafeRawBufferPointer
    ) {
        func chunks(
            _ bytes: UnsafeRawBufferPointer, _ size: Int
        ) -> [UnsafeMutableRawPointer] {
            guard let start = bytes.baseAddress else { return [] }
            return (0..<bytes.count / size).map {
                UnsafeMutableRawPointer(mutating: start + $0 * size)
            }
        }
        self.init(
            boot: boot, slotChunks: chunks(slotBytes, MeterFiles.slotChunkBytes),
            textChunks: chunks(textBytes, MeterFiles.textChunkBytes))
    }

    /// Reads one loop's memory of a dead boot. Slots that make no sense are skipped and counted.
    package init(
        boot: BootID, slotChunks: [UnsafeMutableRawPointer], textChunks: [UnsafeMutableRawPointer]
    ) {
        self.boot = boot
        let texts = TextReader(chunks: textChunks)
        var flows: [Flow] = []
        var unreadable = 0
        for chunk in slotChunks {
            for index in 0..<SlotLayout.slotsPerChunk {
                let slot = FlowSlot(base: chunk + index * SlotLayout.bytes)
                guard slot.state != .free else { continue }
                guard let state = slot.state, let info = slot.flow(boot: boot, texts: texts) else {
                    unreadable += 1
                    continue
                }
                let crash = FlowEnd(by: .gateway, phase: .relay, cause: .crash)
                let end = state == .closed ? slot.end ?? crash : crash
                flows.append(
                    Flow(
                        info: info, counts: slot.counts, end: end,
                        touchedMilliseconds: slot.touchedMilliseconds))
            }
        }
        self.flows = flows
        unreadableSlots = unreadable
    }

    /// Slots whose bytes made no sense.
    package let unreadableSlots: Int
}

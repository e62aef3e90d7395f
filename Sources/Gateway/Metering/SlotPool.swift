/// Hands out slots of one loop's meter file and takes them back.
///
/// When the disk is full new slots come from plain memory: metering goes on, and only what a crash
/// would recover is lost. `isVolatile` says so.
struct SlotPool {
    private let memory: any ChunkedMemory
    private let spare = PlainMemory(chunkBytes: SlotLayout.chunkBytes)
    private var chunks: [UnsafeMutableRawPointer] = []
    private var free: [UInt32] = []
    /// Whether a chunk had to come from plain memory.
    private(set) var isVolatile = false

    init(memory: any ChunkedMemory) { self.memory = memory }

    mutating func take() -> (index: UInt32, slot: FlowSlot)? {
        if free.isEmpty { grow() }
        guard let index = free.popLast() else { return nil }
        return (index, slot(index))
    }

    mutating func giveBack(_ index: UInt32) {
        slot(index).release()
        free.append(index)
    }

    func startWriteBack() { memory.startWriteBack() }

    func slot(_ index: UInt32) -> FlowSlot {
        let (chunk, offset) = Int(index).quotientAndRemainder(dividingBy: SlotLayout.slotsPerChunk)
        return FlowSlot(base: chunks[chunk] + offset * SlotLayout.bytes)
    }

    private mutating func grow() {
        var chunk = memory.appendChunk()
        if chunk == nil {
            isVolatile = true
            chunk = spare.appendChunk()
        }
        guard let chunk else { return }
        let first = UInt32(chunks.count * SlotLayout.slotsPerChunk)
        chunks.append(chunk)
        for index in (first..<first + UInt32(SlotLayout.slotsPerChunk)).reversed() {
            free.append(index)
        }
    }
}

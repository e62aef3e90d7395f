import Chance
import KernelTesting
import Model
import Testing

@testable import Metering

@Suite("What a dead boot left behind")
struct DeadBootTests {
    private let slots = PlainMemory(chunkBytes: SlotLayout.chunkBytes)
    private let texts = PlainMemory(chunkBytes: TextTable.chunkBytes)
    private let service = Flows.service(["meter", "billing"])

    private var boot: DeadBoot {
        DeadBoot(boot: Flows.boot, slotChunks: slots.chunks, textChunks: texts.chunks)
    }

    /// Opens that many flows; the slots in their order.
    private func open(_ count: UInt64) throws -> [FlowSlot] {
        var pool = SlotPool(memory: slots)
        var table = TextTable(memory: texts)
        return try (0..<count).map { number in
            let (_, slot) = try pool.one()
            slot.open(
                Flows.info(number, service, user: "user-\(number)", host: "h\(number).example"),
                texts: &table)
            slot.counters[0] = number * 1000
            slot.counters[2] = number
            return slot
        }
    }

    @Test func `open flows end by the crash, ended ones as they did, stored ones are gone`() throws
    {
        let all = try open(6)
        let reset = FlowEnd(by: .upstream, phase: .relay, cause: .reset)
        all[1].close(reset, atMilliseconds: 77)
        all[2].close(Flows.finished, atMilliseconds: 78)
        all[3].release()
        all[4].touch(atMilliseconds: 79)
        let boot = boot
        #expect(boot.unreadableSlots == 0)
        let flows = boot.flows.sorted { $0.info.id.low < $1.info.id.low }
        #expect(flows.map(\.info.id.low) == [0, 1, 2, 4, 5])
        let crash = FlowEnd(by: .gateway, phase: .relay, cause: .crash)
        #expect(flows.map(\.end) == [crash, reset, Flows.finished, crash, crash])
        #expect(flows.map(\.counts.uplinkBytes) == [0, 1000, 2000, 4000, 5000])
        #expect(flows.map(\.info.user) == [0, 1, 2, 4, 5].map { "user-\($0)" })
        #expect(flows.map(\.touchedMilliseconds)[1...3] == [77, 78, 79])
        #expect(flows.allSatisfy { $0.info.origin.guids == ["meter", "billing"] })
    }

    @Test func `the bytes of the files say the same, and half a chunk is left out`() throws {
        _ = try open(3)
        let slotBytes = UnsafeRawBufferPointer(
            start: slots.chunks[0], count: SlotLayout.chunkBytes)
        let textBytes = UnsafeRawBufferPointer(start: texts.chunks[0], count: TextTable.chunkBytes)
        let whole = DeadBoot(boot: Flows.boot, slotBytes: slotBytes, textBytes: textBytes)
        #expect(whole.flows.count == 3)
        let half = DeadBoot(
            boot: Flows.boot, slotBytes: UnsafeRawBufferPointer(rebasing: slotBytes.dropLast()),
            textBytes: textBytes)
        #expect(half.flows.isEmpty)
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        #expect(DeadBoot(boot: Flows.boot, slotBytes: empty, textBytes: empty).flows.isEmpty)
        // Without its texts no flow can be told to anybody: it is counted, not invented.
        let mute = DeadBoot(boot: Flows.boot, slotBytes: slotBytes, textBytes: empty)
        #expect(mute.flows.isEmpty)
        #expect(mute.unreadableSlots == 3)
    }

    /// Everything that a record shows, so that no value in a slot can trap later.
    private func render(_ boot: DeadBoot) -> Int {
        boot.flows.reduce(0) { sum, flow in
            var json = JSONText()
            FlowRecord(
                of: flow.info, flow.counts, end: flow.end,
                atMilliseconds: flow.touchedMilliseconds
            ).write(to: &json)
            return sum + json.text.utf8.count
        }
    }

    @Test(arguments: 1...50 as ClosedRange<UInt64>)
    func `single bytes gone wrong cost their flow at most`(_ seed: UInt64) throws {
        _ = try open(200)
        var random = SplitMix64(seed: seed)
        let flips = Int.random(in: 1...100, using: &random)
        for _ in 0..<flips {
            let offset = Int.random(in: 0..<(200 * SlotLayout.bytes), using: &random)
            slots.chunks[0].storeBytes(
                of: UInt8.random(in: 0...255, using: &random), toByteOffset: offset, as: UInt8.self)
        }
        let boot = boot
        #expect(boot.flows.count + boot.unreadableSlots <= 200 + flips)
        #expect(boot.flows.count >= 200 - flips)
        #expect(render(boot) > 0)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `random bytes never trap`(_ seed: UInt64) throws {
        _ = try open(1)
        var random = SplitMix64(seed: seed)
        for offset in stride(from: 0, to: SlotLayout.chunkBytes, by: 8) {
            slots.chunks[0].storeBytes(
                of: random.next() & (seed % 2 == 0 ? 0x0303_0103_0c03_0302 : .max),
                toByteOffset: offset, as: UInt64.self)
        }
        for offset in stride(from: 0, to: 65_536, by: 8) {
            texts.chunks[0].storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self)
        }
        let boot = boot
        #expect(boot.flows.count + boot.unreadableSlots <= SlotLayout.slotsPerChunk)
        #expect(render(boot) >= 0)
    }
}

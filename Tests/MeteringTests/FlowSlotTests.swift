import Model
import Testing

@testable import Metering

@Suite("A flow's slot in the meter file")
struct FlowSlotTests {
    private let slots = PlainMemory(chunkBytes: SlotLayout.chunkBytes)
    private let texts = PlainMemory(chunkBytes: TextTable.chunkBytes)

    /// Writes a flow and reads it as the next boot would.
    private func roundTrip(_ flow: FlowInfo) throws -> FlowInfo {
        var pool = SlotPool(memory: slots)
        var table = TextTable(memory: texts)
        let (_, slot) = try pool.one()
        slot.open(flow, texts: &table)
        #expect(slot.state == .open)
        return try #require(slot.flow(boot: flow.boot, texts: TextReader(chunks: texts.chunks)))
    }

    private func expectSame(_ one: FlowInfo, _ other: FlowInfo) {
        #expect(one.id == other.id)
        #expect(one.boot == other.boot)
        #expect(one.origin.service == other.origin.service)
        #expect(one.origin.handler == other.origin.handler)
        #expect(one.origin.guids == other.origin.guids)
        #expect(one.user == other.user)
        #expect(one.session == other.session)
        #expect(one.node == other.node)
        #expect(one.transport == other.transport)
        #expect(one.client == other.client)
        #expect(one.destination == other.destination)
        #expect(one.host == other.host)
        #expect(one.listener == other.listener)
        #expect(one.upstreamLocal == other.upstreamLocal)
        #expect(one.upstreamRemote == other.upstreamRemote)
        #expect(one.openedMilliseconds == other.openedMilliseconds)
    }

    @Test func `every fact comes back`() throws {
        let flow = Flows.info(
            0xffff_ffff_ffff_ffff, Flows.service(["meter", "billing", "third"]), user: "alice",
            host: "example.com", node: "fra-1", session: SessionID(random: 11, 12),
            transport: .tcp)
        expectSame(flow, try roundTrip(flow))
    }

    @Test func `what a flow does not have stays absent`() throws {
        let flow = Flows.info(1, Flows.service([]))
        let read = try roundTrip(flow)
        expectSame(flow, read)
        #expect(read.user == nil && read.host == nil && read.node == nil && read.session == nil)
    }

    @Test(arguments: [1, 43, 44, 45, 46, 255, 1000])
    func `host names of any length come back`(_ count: Int) throws {
        let host = String(repeating: "h", count: count)
        #expect(try roundTrip(Flows.info(1, Flows.service(), host: host)).host == host)
    }

    @Test func `names are bytes, not ASCII`() throws {
        let flow = Flows.info(
            1, Flows.service(["größe"]), user: "zoë 🦆", host: "bücher.example")
        expectSame(flow, try roundTrip(flow))
    }

    @Test func `a released slot is free, and its next flow starts from zero`() throws {
        var pool = SlotPool(memory: slots)
        var table = TextTable(memory: texts)
        let (index, slot) = try pool.one()
        slot.open(Flows.info(1, Flows.service(), host: "a.example"), texts: &table)
        for word in 0..<7 { slot.counters[word] = 99 }
        slot.close(Flows.finished, atMilliseconds: 5)
        #expect(slot.state == .closed)
        #expect(slot.end == Flows.finished)
        #expect(slot.touchedMilliseconds == 5)
        pool.giveBack(index)
        #expect(slot.state == .free)
        let (again, fresh) = try pool.one()
        #expect(again == index)
        fresh.open(Flows.info(2, Flows.service()), texts: &table)
        #expect(fresh.counts == FlowCounts())
        let read = fresh.flow(boot: Flows.boot, texts: TextReader(chunks: texts.chunks))
        #expect(read?.host == nil)
    }
}

@Suite("Texts that slots refer to")
struct TextTableTests {
    @Test func `each of many users comes back, over several chunks`() {
        let memory = PlainMemory(chunkBytes: TextTable.chunkBytes)
        var table = TextTable(memory: memory)
        let users = (0..<30_000).map { "user-\($0)-\(String(repeating: "x", count: $0 % 80))" }
        let references = users.map { table.reference(to: $0) }
        #expect(memory.chunks.count > 1)
        let reader = TextReader(chunks: memory.chunks)
        let wrong = zip(users, references).filter { reader.text($0.1) != $0.0 }
        #expect(wrong.isEmpty)
        #expect(Set(references).count == users.count)
    }

    @Test func `a text that is known takes no more room`() {
        let memory = PlainMemory(chunkBytes: TextTable.chunkBytes)
        var table = TextTable(memory: memory)
        let first = table.reference(to: "alice")
        for _ in 0..<200_000 { #expect(table.reference(to: "alice") == first) }
        #expect(memory.chunks.count == 1)
    }

    @Test func `no text and an empty one are the reference 0`() {
        var table = TextTable(memory: PlainMemory(chunkBytes: TextTable.chunkBytes))
        #expect(table.reference(to: nil as String?) == 0)
        #expect(table.reference(to: "") == 0)
        #expect(TextReader(chunks: []).text(0) == nil)
    }

    @Test func `a full disk costs texts, not the table`() {
        let memory = LimitedMemory(chunkBytes: TextTable.chunkBytes, room: 0)
        var table = TextTable(memory: memory)
        #expect(table.reference(to: "alice") == 0)
        memory.room = 1
        let later = table.reference(to: "alice")
        #expect(TextReader(chunks: memory.plain.chunks).text(later) == "alice")
    }

    @Test func `names of strangers never take the last room from the services' names`() {
        let memory = PlainMemory(chunkBytes: TextTable.chunkBytes)
        var table = TextTable(memory: memory)
        // As many long host names as it takes to fill the table.
        let tail = String(repeating: "x", count: 60_000)
        var number = 0
        while table.reference(to: "\(number).\(tail)") != 0 && number < 2000 { number += 1 }
        #expect((1000..<2000).contains(number))
        let service = Flows.service(["meter"]).info
        let reference = table.reference(to: service)
        let read = TextReader(chunks: memory.chunks).service(reference)
        #expect(read?.service == "socks")
        #expect(read?.guids == ["meter"])
    }

    @Test(arguments: [1, 1 << 20, 1 << 20 - 1, 1 << 26, .max] as [UInt32])
    func `a reference that makes no sense is no text`(_ reference: UInt32) {
        let memory = PlainMemory(chunkBytes: TextTable.chunkBytes)
        guard let chunk = memory.appendChunk() else { return }
        chunk.initializeMemory(as: UInt8.self, repeating: 0xff, count: TextTable.chunkBytes)
        let text = TextReader(chunks: memory.chunks).text(reference)
        #expect(text == nil || reference == 1)
    }
}

@Suite("The slots of one loop")
struct SlotPoolTests {
    @Test func `it grows by chunks, and no slot is given twice`() throws {
        let memory = PlainMemory(chunkBytes: SlotLayout.chunkBytes)
        var pool = SlotPool(memory: memory)
        var bases: Set<UnsafeMutableRawPointer> = []
        var indices: Set<UInt32> = []
        for _ in 0..<(2 * SlotLayout.slotsPerChunk + 1) {
            let (index, slot) = try pool.one()
            bases.insert(slot.base)
            indices.insert(index)
        }
        #expect(memory.chunks.count == 3)
        #expect(bases.count == 2 * SlotLayout.slotsPerChunk + 1)
        #expect(indices == Set(0..<UInt32(bases.count)))
        #expect(!pool.isVolatile)
    }

    @Test func `with a full disk metering goes on in plain memory, and says so`() throws {
        let memory = LimitedMemory(chunkBytes: SlotLayout.chunkBytes, room: 1)
        var pool = SlotPool(memory: memory)
        for _ in 0..<SlotLayout.slotsPerChunk { _ = try pool.one() }
        #expect(!pool.isVolatile)
        let (index, slot) = try pool.one()
        #expect(pool.isVolatile)
        #expect(memory.plain.chunks.count == 1)
        var table = TextTable(memory: PlainMemory(chunkBytes: TextTable.chunkBytes))
        slot.open(Flows.info(1, Flows.service()), texts: &table)
        #expect(pool.slot(index).state == .open)
        // Space on the disk is used again as soon as there is some.
        for _ in 1..<SlotLayout.slotsPerChunk { _ = try pool.one() }
        memory.room = 1
        _ = try pool.one()
        #expect(memory.plain.chunks.count == 2)
    }
}

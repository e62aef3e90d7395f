/// Names and domains by the bytes of their text, found by walking a name's labels from the back.
///
/// The walk hashes each byte once and looks into the table at every dot, so a name of four labels
/// costs four looks however many names there are. All texts lie in one array.
struct NameTable: Sendable {
    private struct Entry: Sendable {
        let offset: UInt32
        let count: UInt32
        /// Ports of the name itself.
        var itself = PortSet.none
        /// Ports of the names below it.
        var below = PortSet.none
    }

    private var texts: [UInt8] = []
    private var entries: [Entry] = []
    /// Numbers of entries and 1, or 0, by hash.
    private var slots: [UInt32] = []

    private static let hashStart: UInt64 = 0xcbf2_9ce4_8422_2325

    /// Whether nothing is in it.
    var isEmpty: Bool { entries.isEmpty }

    /// Adds ports of a name, of the names below it, or of both.
    mutating func insert(
        _ name: some Collection<UInt8>, itself: Bool, below: Bool, ports: ClosedRange<UInt16>?
    ) {
        let index = entry(for: Array(name))
        if itself { entries[index].itself.insert(ports) }
        if below { entries[index].below.insert(ports) }
    }

    private mutating func entry(for name: [UInt8]) -> Int {
        if 2 * (entries.count + 1) > slots.count { grow() }
        var hash = Self.hashStart
        for byte in name.reversed() { hash = Self.step(hash, byte) }
        var slot = Self.slot(hash, slots.count)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if text(of: entries[index]).elementsEqual(name) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
        entries.append(Entry(offset: UInt32(texts.count), count: UInt32(name.count)))
        texts += name
        slots[slot] = UInt32(entries.count)
        return entries.count - 1
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: max(16, 2 * slots.count))
        for (index, entry) in entries.enumerated() {
            var hash = Self.hashStart
            for byte in text(of: entry).reversed() { hash = Self.step(hash, byte) }
            var slot = Self.slot(hash, slots.count)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(index + 1)
        }
    }

    private func text(of entry: Entry) -> ArraySlice<UInt8> {
        texts[Int(entry.offset)..<Int(entry.offset + entry.count)]
    }

    /// Whether a pattern names the name, in lower case, and the port; nil is any port.
    func contains(_ name: Span<UInt8>, port: UInt16?) -> Bool {
        if entries.isEmpty { return false }
        var hash = Self.hashStart
        for index in stride(from: name.count - 1, through: 0, by: -1) {
            hash = Self.step(hash, name[index])
            let isWhole = index == 0
            guard isWhole || name[index - 1] == UInt8(ascii: "."),
                let entry = find(name, from: index, hash)
            else { continue }
            let ports = isWhole ? entries[entry].itself : entries[entry].below
            if ports.contains(port) { return true }
        }
        return false
    }

    /// The entry of what `name` has from a byte on.
    private func find(_ name: Span<UInt8>, from start: Int, _ hash: UInt64) -> Int? {
        var slot = Self.slot(hash, slots.count)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if isText(of: entries[index], name, from: start) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private func isText(of entry: Entry, _ name: Span<UInt8>, from start: Int) -> Bool {
        guard Int(entry.count) == name.count - start else { return false }
        let offset = Int(entry.offset)
        for index in start..<name.count where texts[offset + index - start] != name[index] {
            return false
        }
        return true
    }

    /// FNV-1a, which takes a name byte by byte.
    private static func step(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
        (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }

    /// The place of a hash in a table whose size is a power of two.
    private static func slot(_ hash: UInt64, _ count: Int) -> Int {
        Int(truncatingIfNeeded: (hash ^ hash >> 29) &* 0x9e37_79b9_7f4a_7c15 >> 20) & (count - 1)
    }
}

/// A compiled time zone (TZif, RFC 9636 §3): when which offset from UTC began, and the rule for the
/// time after the last entry.
///
/// | part | content |
/// |---|---|
/// | header, 44 bytes | `TZif`, version, 15 unused, six counts of 4 bytes |
/// | data for 32 bits | skipped, except in version 1 |
/// | header and data for 64 bits | transitions, their types, types (offset 4, DST 1, name 1), … |
/// | footer | `\n` rule `\n` |
struct TimeZoneFile: Sendable {
    private let transitions: [Int64]
    private let types: [Int]
    private let offsets: [Int64]
    private let rule: TimeZoneRule?

    /// Reads a file; nil where it is damaged.
    init?(_ bytes: [UInt8]) {
        var reader = Reader(bytes: bytes)
        guard let first = reader.header() else { return nil }
        var header = first
        var timeBytes = 4
        if first.version > 0 {
            guard reader.skip(first.dataBytes(timeBytes: 4)), let second = reader.header() else {
                return nil
            }
            header = second
            timeBytes = 8
        }
        guard header.types > 0,
            let transitions = reader.list(header.times, { $0.signed(timeBytes) }),
            let types = reader.list(header.times, { $0.signed(1) }),
            let offsets = reader.list(
                header.types,
                { reader in
                    let offset = reader.signed(4)
                    return reader.skip(2) ? offset : nil
                }),
            types.allSatisfy({ $0 >= 0 && $0 < Int64(header.types) }),
            zip(transitions, transitions.dropFirst()).allSatisfy({ $0 < $1 })
        else { return nil }
        let rest =
            header.dataBytes(timeBytes: timeBytes)
            - header.times * (timeBytes + 1) - header.types * 6
        guard reader.skip(rest) else { return nil }
        self.transitions = transitions
        self.types = types.map { Int($0) }
        self.offsets = offsets
        rule = timeBytes == 8 ? reader.footer().flatMap { TimeZoneRule($0) } : nil
    }

    /// Seconds to add to UTC at a time, in seconds since 1970.
    func offset(at time: Int64) -> Int64 {
        if let rule, transitions.last.map({ time >= $0 }) ?? true { return rule.offset(at: time) }
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? offsets[0] : offsets[types[low - 1]]
    }

    /// The counts of a header.
    private struct Header {
        let version: UInt8
        let utIndicators: Int
        let standardIndicators: Int
        let leapSeconds: Int
        let times: Int
        let types: Int
        let characters: Int

        func dataBytes(timeBytes: Int) -> Int {
            times * (timeBytes + 1) + types * 6 + characters + leapSeconds * (timeBytes + 4)
                + standardIndicators + utIndicators
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        mutating func header() -> Header? {
            guard bytes[position...].starts(with: "TZif".utf8), bytes.count - position >= 44 else {
                return nil
            }
            let version = bytes[position + 4]
            position += 20
            guard let counts = list(6, { $0.signed(4) }),
                counts.allSatisfy({ (0..<1_000_000).contains($0) })
            else { return nil }
            return Header(
                version: version, utIndicators: Int(counts[0]),
                standardIndicators: Int(counts[1]), leapSeconds: Int(counts[2]),
                times: Int(counts[3]), types: Int(counts[4]), characters: Int(counts[5]))
        }

        mutating func skip(_ count: Int) -> Bool {
            guard count >= 0, position + count <= bytes.count else { return false }
            position += count
            return true
        }

        mutating func signed(_ count: Int) -> Int64? {
            guard position + count <= bytes.count else { return nil }
            var value: UInt64 = bytes[position] & 0x80 == 0 ? 0 : .max
            for byte in bytes[position..<position + count] { value = value << 8 | UInt64(byte) }
            position += count
            return Int64(bitPattern: value)
        }

        mutating func list(
            _ count: Int, _ element: (inout Reader) -> Int64?
        ) -> [Int64]? {
            var values: [Int64] = []
            for _ in 0..<count {
                guard let value = element(&self) else { return nil }
                values.append(value)
            }
            return values
        }

        mutating func footer() -> String? {
            let newline = UInt8(ascii: "\n")
            guard position < bytes.count, bytes[position] == newline,
                let end = bytes[(position + 1)...].firstIndex(of: newline)
            else { return nil }
            return String(decoding: bytes[position + 1..<end], as: UTF8.self)
        }
    }
}

/// Writes JSON (RFC 8259) front to back: records, answers of the admin socket, log lines.
///
/// The caller opens and closes objects and lists in order; commas are set here. Besides what JSON
/// asks for, control characters that terminals obey (DEL and U+0080...U+009F) are escaped, so
/// that a line with a foreign name in it can be shown as it is.
public struct JSONText: Sendable {
    /// What was written so far, UTF-8.
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// Nothing written.
    public init() {}

    /// What was written so far.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Opens with `{`; `key` and `field` fill it.
    public mutating func beginObject() { begin(UInt8(ascii: "{")) }
    /// Closes with `}` what was opened last.
    public mutating func endObject() { end(UInt8(ascii: "}")) }
    /// Opens with `[`; `value` and what else begins fill it.
    public mutating func beginList() { begin(UInt8(ascii: "[")) }
    /// Closes with `]` what was opened last.
    public mutating func endList() { end(UInt8(ascii: "]")) }

    /// Ends a line; the next value stands on its own.
    public mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
        needsComma = false
    }

    /// A member's name; its value comes next.
    public mutating func key(_ name: String) {
        value(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// A string, or null.
    public mutating func value(_ text: String?) {
        separate()
        if let text { quote(text) } else { bytes.append(contentsOf: "null".utf8) }
    }

    /// A whole number, digits exact.
    public mutating func value(_ number: some BinaryInteger) {
        separate()
        bytes.append(contentsOf: number.description.utf8)
    }

    /// `true` or `false`.
    public mutating func value(_ truth: Bool) {
        separate()
        bytes.append(contentsOf: (truth ? "true" : "false").utf8)
    }

    /// A list of strings.
    public mutating func value(_ list: [String]) {
        beginList()
        for element in list { value(element) }
        endList()
    }

    /// A member with a string or null.
    public mutating func field(_ name: String, _ text: String?) {
        key(name)
        value(text)
    }

    /// A member with a whole number.
    public mutating func field(_ name: String, _ number: some BinaryInteger) {
        key(name)
        value(number)
    }

    /// A member with a list of strings.
    public mutating func field(_ name: String, _ list: [String]) {
        key(name)
        value(list)
    }

    private mutating func begin(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func end(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        // Names, numbers and addresses, which is nearly everything.
        let isPlain = text.utf8.withContiguousStorageIfAvailable { utf8 in
            guard utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x5c }) else {
                return false
            }
            bytes.append(contentsOf: utf8)
            return true
        }
        if isPlain != true { quoteByteByByte(text) }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func quoteByteByByte(_ text: String) {
        // U+0080...U+009F are two bytes, of which the first is always this one.
        let firstOfC1: UInt8 = 0xc2
        var isAfterC2 = false
        for byte in text.utf8 {
            if isAfterC2 {
                isAfterC2 = false
                if byte < 0xa0 { escape(byte) } else { bytes += [firstOfC1, byte] }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): bytes.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\r"): bytes.append(contentsOf: "\\r".utf8)
            case UInt8(ascii: "\t"): bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20, 0x7f: escape(byte)
            case firstOfC1: isAfterC2 = true
            default: bytes.append(byte)
            }
        }
    }

    private mutating func escape(_ byte: UInt8) {
        let digits = String(byte, radix: 16)
        bytes.append(contentsOf: (byte < 16 ? "\\u000" : "\\u00").utf8)
        bytes.append(contentsOf: digits.utf8)
    }
}

import Model
import Options

/// What must hold for the bytes of a file before YAML is read from them.
enum YAMLText {
    /// The bytes without a byte order mark, in UTF-8 and without control characters; the first
    /// offence is a fault with its place.
    static func checked(_ bytes: [UInt8], file: String) throws(YAMLFault) -> [UInt8] {
        let start = Location(file: file, line: 1, column: 1)
        guard bytes.count <= Limits.configurationBytes else {
            throw YAMLFault(
                "the file has \(bytes.count) bytes, more than \(Limits.configurationBytes)",
                at: start)
        }
        let hasMark = bytes.starts(with: [0xef, 0xbb, 0xbf])
        let text = hasMark ? Array(bytes[3...]) : bytes
        var line = 1
        var column = 1
        var decoder = Unicode.UTF8()
        var iterator = text.makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .emptyInput:
                return withoutSurrogates(text)
            case .error:
                throw YAMLFault(
                    "this is not UTF-8 text",
                    at: Location(file: file, line: line, column: column))
            case .scalarValue(let scalar):
                if !isAllowed(scalar.value) {
                    throw YAMLFault(
                        "the character U+\(hex(scalar.value)) cannot stand in a configuration file",
                        at: Location(file: file, line: line, column: column))
                }
                column += 1
                if scalar == "\n" { (line, column) = (line + 1, 1) }
            }
        }
    }

    /// YAML 1.2 §5.1, printable characters.
    private static func isAllowed(_ value: UInt32) -> Bool {
        switch value {
        case 0x9, 0xa, 0xd, 0x20...0x7e, 0x85, 0xa0...0xd7ff, 0xe000...0xfefe, 0xff00...0xfffd,
            0x1_0000...0x10_ffff:
            true
        default:
            false
        }
    }

    private static func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// JSON writes characters outside of the basic plane as two escapes, `\ud83d\ude00`, which
    /// libyaml refuses; YAML writes one, `\U0001f600`. Columns behind one shift by two.
    private static func withoutSurrogates(_ text: [UInt8]) -> [UInt8] {
        guard let first = text.first(where: { $0 > 0x20 }), first == UInt8(ascii: "{") else {
            return text
        }
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            guard text[index] == UInt8(ascii: "\\") else {
                result.append(text[index])
                index += 1
                continue
            }
            if let high = escape(in: text, at: index), (0xd800...0xdbff).contains(high),
                let low = escape(in: text, at: index + 6), (0xdc00...0xdfff).contains(low)
            {
                let digits = String(0x1_0000 + (high - 0xd800) << 10 + (low - 0xdc00), radix: 16)
                let zeros = String(repeating: "0", count: 8 - digits.count)
                result += Array("\\U\(zeros)\(digits)".utf8)
                index += 12
            } else {
                result += text[index..<min(index + 2, text.count)]
                index += 2
            }
        }
        return result
    }

    /// The four digits of `\uXXXX`.
    private static func escape(in text: [UInt8], at index: Int) -> UInt32? {
        guard index + 6 <= text.count, text[index] == UInt8(ascii: "\\"),
            text[index + 1] == UInt8(ascii: "u")
        else { return nil }
        let digits = text[index + 2..<index + 6]
        guard digits.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }) else {
            return nil
        }
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}

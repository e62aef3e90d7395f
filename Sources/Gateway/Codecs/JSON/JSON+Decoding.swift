import Bytes

extension JSON {
    /// Reads one value, with white space before it. What follows belongs to somebody else; a number
    /// without a bracket around it ends with the bytes.
    package static func decode(_ bytes: RawSpan) -> Decoded<JSON, Fault> {
        var reader = ByteReader(bytes)
        do throws(Stop) {
            let value = try value(&reader, depth: 0)
            return .value(value, bytesConsumed: reader.position)
        } catch {
            switch error {
            case .isShort: return .needs(moreBytes: 1)
            case .fault(let fault): return .fault(fault)
            }
        }
    }

    /// Reads a whole text: one value and nothing but white space around it; nil for anything else.
    package static func whole(_ text: [UInt8]) -> JSON? {
        guard case .value(let value, let count) = decode(text.span.bytes) else { return nil }
        let isAlone = text[count...].allSatisfy { isSpace($0) }
        return isAlone ? value : nil
    }

    /// Why reading ended before its end.
    private enum Stop: Error {
        case isShort
        case fault(Fault)
    }

    private static func unexpected(_ position: Int) -> Stop {
        .fault(.unexpected(position: position))
    }

    // MARK: Values

    private static func value(_ reader: inout ByteReader, depth: Int) throws(Stop) -> JSON {
        skipSpace(&reader)
        let position = reader.position
        let byte = try next(&reader)
        switch byte {
        case UInt8(ascii: "{"): return try object(&reader, depth: depth + 1)
        case UInt8(ascii: "["): return try list(&reader, depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try text(&reader))
        case UInt8(ascii: "t"): return try word("rue", .bool(true), &reader)
        case UInt8(ascii: "f"): return try word("alse", .bool(false), &reader)
        case UInt8(ascii: "n"): return try word("ull", .null, &reader)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return .number(try number(&reader, first: byte))
        default: throw unexpected(position)
        }
    }

    private static func object(_ reader: inout ByteReader, depth: Int) throws(Stop) -> JSON {
        guard depth <= depthMax else { throw .fault(.tooDeep(position: reader.position - 1)) }
        var (members, names): ([Member], Set<String>) = ([], [])
        skipSpace(&reader)
        if try peek(&reader) == UInt8(ascii: "}") {
            _ = reader.readUInt8()
            return .object([])
        }
        while true {
            skipSpace(&reader)
            let position = reader.position
            guard try next(&reader) == UInt8(ascii: "\"") else { throw unexpected(position) }
            let name = try text(&reader)
            guard names.insert(name).inserted else {
                throw .fault(.duplicate(position: position))
            }
            skipSpace(&reader)
            guard try next(&reader) == UInt8(ascii: ":") else {
                throw unexpected(reader.position - 1)
            }
            members.append(Member(name, try value(&reader, depth: depth)))
            if try endsAfterElement(&reader, UInt8(ascii: "}")) { return .object(members) }
        }
    }

    private static func list(_ reader: inout ByteReader, depth: Int) throws(Stop) -> JSON {
        guard depth <= depthMax else { throw .fault(.tooDeep(position: reader.position - 1)) }
        var elements: [JSON] = []
        skipSpace(&reader)
        if try peek(&reader) == UInt8(ascii: "]") {
            _ = reader.readUInt8()
            return .list([])
        }
        while true {
            elements.append(try value(&reader, depth: depth))
            if try endsAfterElement(&reader, UInt8(ascii: "]")) { return .list(elements) }
        }
    }

    /// Whether the bracket comes, or a comma and so another element.
    private static func endsAfterElement(
        _ reader: inout ByteReader, _ bracket: UInt8
    ) throws(Stop) -> Bool {
        skipSpace(&reader)
        let byte = try next(&reader)
        if byte == bracket { return true }
        if byte == UInt8(ascii: ",") { return false }
        throw unexpected(reader.position - 1)
    }

    private static func word(
        _ rest: StaticString, _ value: JSON, _ reader: inout ByteReader
    ) throws(Stop) -> JSON {
        for index in 0..<rest.utf8CodeUnitCount {
            guard try next(&reader) == rest.utf8Start[index] else {
                throw unexpected(reader.position - 1)
            }
        }
        return value
    }

    // MARK: Numbers

    private static func number(_ reader: inout ByteReader, first: UInt8) throws(Stop) -> String {
        var digits = [first]
        if first == UInt8(ascii: "-") { digits.append(try digit(&reader)) }
        // Nothing follows a leading zero but a fraction or an exponent.
        if digits.last != UInt8(ascii: "0") { takeDigits(&reader, &digits) }
        if isNext(UInt8(ascii: "."), &reader) {
            digits.append(try next(&reader))
            digits.append(try digit(&reader))
            takeDigits(&reader, &digits)
        }
        if isNext(UInt8(ascii: "e"), &reader) || isNext(UInt8(ascii: "E"), &reader) {
            digits.append(try next(&reader))
            if isNext(UInt8(ascii: "+"), &reader) || isNext(UInt8(ascii: "-"), &reader) {
                digits.append(try next(&reader))
            }
            digits.append(try digit(&reader))
            takeDigits(&reader, &digits)
        }
        return String(decoding: digits, as: UTF8.self)
    }

    private static func digit(_ reader: inout ByteReader) throws(Stop) -> UInt8 {
        let byte = try next(&reader)
        guard isDigit(byte) else { throw unexpected(reader.position - 1) }
        return byte
    }

    private static func takeDigits(_ reader: inout ByteReader, _ digits: inout [UInt8]) {
        while let byte = upcoming(&reader), isDigit(byte) {
            digits.append(byte)
            _ = reader.readUInt8()
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    // MARK: Text

    /// The text up to its closing quote; the opening one was taken.
    private static func text(_ reader: inout ByteReader) throws(Stop) -> String {
        let start = reader.position
        var bytes: [UInt8] = []
        while true {
            let byte = try next(&reader)
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: bytes, as: UTF8.self) else {
                    throw .fault(.notUnicode(position: start))
                }
                return text
            case UInt8(ascii: "\\"): try escape(&reader, into: &bytes)
            case 0..<0x20: throw unexpected(reader.position - 1)
            default: bytes.append(byte)
            }
        }
    }

    private static func escape(
        _ reader: inout ByteReader, into bytes: inout [UInt8]
    ) throws(Stop) {
        switch try next(&reader) {
        case UInt8(ascii: "\""): bytes.append(UInt8(ascii: "\""))
        case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
        case UInt8(ascii: "/"): bytes.append(UInt8(ascii: "/"))
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0c)
        case UInt8(ascii: "n"): bytes.append(0x0a)
        case UInt8(ascii: "r"): bytes.append(0x0d)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"): bytes += try scalar(&reader).utf8
        default: throw unexpected(reader.position - 1)
        }
    }

    /// A scalar from four digits, or from two surrogates with four digits each.
    private static func scalar(_ reader: inout ByteReader) throws(Stop) -> String {
        let position = reader.position
        let first = try hexadecimal(&reader)
        if let scalar = Unicode.Scalar(first) { return String(Character(scalar)) }
        guard first < 0xdc00 else { throw .fault(.notUnicode(position: position)) }
        for expected in "\\u".utf8 {
            guard try next(&reader) == expected else {
                throw .fault(.notUnicode(position: position))
            }
        }
        let second = try hexadecimal(&reader)
        guard second >= 0xdc00, second < 0xe000,
            let scalar = Unicode.Scalar(
                0x10000 + UInt32(first - 0xd800) << 10 + UInt32(second - 0xdc00))
        else { throw .fault(.notUnicode(position: position)) }
        return String(Character(scalar))
    }

    private static func hexadecimal(_ reader: inout ByteReader) throws(Stop) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            let byte = try next(&reader)
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw unexpected(reader.position - 1)
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    // MARK: Bytes

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
    }

    private static func skipSpace(_ reader: inout ByteReader) {
        while let byte = upcoming(&reader), isSpace(byte) { _ = reader.readUInt8() }
    }

    private static func next(_ reader: inout ByteReader) throws(Stop) -> UInt8 {
        guard let byte = reader.readUInt8() else { throw .isShort }
        return byte
    }

    private static func peek(_ reader: inout ByteReader) throws(Stop) -> UInt8 {
        guard let byte = upcoming(&reader) else { throw .isShort }
        return byte
    }

    private static func isNext(_ byte: UInt8, _ reader: inout ByteReader) -> Bool {
        upcoming(&reader) == byte
    }

    /// The next byte, not taken.
    private static func upcoming(_ reader: inout ByteReader) -> UInt8? {
        let byte = reader.readUInt8()
        if byte != nil { _ = reader.move(to: reader.position - 1) }
        return byte
    }
}

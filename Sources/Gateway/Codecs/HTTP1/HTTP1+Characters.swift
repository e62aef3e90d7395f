extension HTTP1 {
    /// Whether bytes are a token, one character at least (RFC 9110 §5.6.2): methods, field names.
    package static func isToken(_ bytes: some Collection<UInt8>) -> Bool {
        !bytes.isEmpty && bytes.allSatisfy(isTokenByte)
    }

    /// Whether bytes may stand as a field's value: no control but the tab, no space at either end
    /// (RFC 9110 §5.5). Whoever sends values of foreign origin asks first.
    package static func isFieldValue(_ bytes: some BidirectionalCollection<UInt8>) -> Bool {
        if let first = bytes.first, isBlank(first) { return false }
        if let last = bytes.last, isBlank(last) { return false }
        return bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == tab }
    }

    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0a
    static let carriageReturn: UInt8 = 0x0d
    static let space: UInt8 = 0x20

    // Bit n of these is set where the byte n, or 64 + n, may stand in a token.
    private static let lowTokenBytes: UInt64 = bits(of: "!#$%&'*+-.0123456789", offset: 0)
    private static let highTokenBytes: UInt64 = bits(
        of: "^_`|~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", offset: 64)

    private static func bits(of characters: String, offset: UInt8) -> UInt64 {
        characters.utf8.reduce(0) { $0 | 1 << UInt64($1 - offset) }
    }

    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte >> 6 {
        case 0: lowTokenBytes & 1 << UInt64(byte) != 0
        case 1: highTokenBytes & 1 << UInt64(byte & 63) != 0
        default: false
        }
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    /// ASCII letters in lower case, every other byte as it is.
    static func lowercased(_ byte: UInt8) -> UInt8 {
        (65...90).contains(byte) ? byte | 0x20 : byte
    }

    /// Whether two texts are the same but for the case of ASCII letters.
    static func isSame(_ one: some Collection<UInt8>, _ other: some Collection<UInt8>) -> Bool {
        one.count == other.count
            && zip(one, other).allSatisfy { $0 == $1 || lowercased($0) == lowercased($1) }
    }

    /// Whether bytes are a text but for the case of ASCII letters.
    static func isSame(_ one: ArraySlice<UInt8>, _ other: String) -> Bool {
        guard one.count == other.utf8.count else { return false }
        var other = other
        return one.withUnsafeBufferPointer { one in
            other.withUTF8 { other in
                for index in one.indices where one[index] != other[index] {
                    guard lowercased(one[index]) == lowercased(other[index]) else { return false }
                }
                return true
            }
        }
    }

    /// The value of 1...19 decimal digits, at most `Int64.max`; nil for anything else.
    static func decimal(_ digits: some Collection<UInt8>) -> UInt64? {
        guard (1...19).contains(digits.count) else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard isDigit(digit) else { return nil }
            value = value * 10 + UInt64(digit - 48)
        }
        return value <= UInt64(Int64.max) ? value : nil
    }

    /// The index of the first control byte (below 0x20, or 0x7f) from `start`; nil without one.
    static func firstControl(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var at = start
        while at + 8 <= bytes.count {
            // Per byte: the high bit is set where it is below 0x20, or 0x7f. A borrow may set it in
            // bytes above a hit as well, never without one below.
            let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            let low = word &- 0x2020_2020_2020_2020 & ~word
            let flipped = word ^ 0x7f7f_7f7f_7f7f_7f7f
            let deleted = flipped &- 0x0101_0101_0101_0101 & ~flipped
            if (low | deleted) & 0x8080_8080_8080_8080 != 0 { break }
            at += 8
        }
        while at < bytes.count {
            if bytes[at] < 0x20 || bytes[at] == 0x7f { return at }
            at += 1
        }
        return nil
    }
}

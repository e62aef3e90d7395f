/// Base 64 (RFC 4648): strict and unpadded as password strings have it, or as people write it.
package enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Text for bytes, in the alphabet of §4 and without padding.
    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var bits: UInt32 = 0
        var bitCount = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            bitCount += 8
            while bitCount >= 6 {
                bitCount -= 6
                text.append(alphabet[Int(bits >> UInt32(bitCount) & 63)])
            }
        }
        if bitCount > 0 { text.append(alphabet[Int(bits << UInt32(6 - bitCount) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Bytes for text as `encode` writes it; nil for padding, other characters, an impossible
    /// length, and left-over bits that are not 0, so that every value has one text.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        guard let (bytes, leftOver) = decode(text.utf8, isURLSafe: false), leftOver == 0
        else { return nil }
        return bytes
    }

    /// Bytes for text in the alphabet of §4 or the URL-safe one of §5, padded rightly or not at
    /// all; nil for anything else.
    package static func decodeAnyVariant(_ text: some StringProtocol) -> [UInt8]? {
        var digits = Array(text.utf8)
        let all = digits.count
        while all - digits.count < 2, digits.last == UInt8(ascii: "=") { digits.removeLast() }
        guard all == digits.count || all % 4 == 0 else { return nil }
        return decode(digits, isURLSafe: true)?.bytes
    }

    /// Bytes, and the bits that were left over.
    private static func decode(
        _ digits: some Sequence<UInt8>, isURLSafe: Bool
    ) -> (bytes: [UInt8], leftOver: UInt32)? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var bitCount = 0
        for digit in digits {
            guard let value = value(of: digit, isURLSafe: isURLSafe) else { return nil }
            bits = bits << 6 | value
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
            }
        }
        if bitCount == 6 { return nil }
        return (bytes, bits & (1 << UInt32(bitCount) - 1))
    }

    private static func value(of digit: UInt8, isURLSafe: Bool) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit) + 4
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        case UInt8(ascii: "-"): isURLSafe ? 62 : nil
        case UInt8(ascii: "_"): isURLSafe ? 63 : nil
        default: nil
        }
    }
}

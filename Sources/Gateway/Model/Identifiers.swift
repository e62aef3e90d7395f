/// A flow's 128-bit random identity, unique across boots and machines.
public struct FlowID: Hashable, Sendable, CustomStringConvertible {
    /// The first eight bytes.
    public let high: UInt64
    /// The last eight bytes.
    public let low: UInt64

    /// An identity from 128 random bits.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// 32 lower-case hexadecimal digits.
    public var description: String { hex(high) + hex(low) }
}

/// One run of one gateway process.
public struct BootID: Hashable, Sendable, CustomStringConvertible {
    /// The random bits.
    public let bits: UInt64

    /// An identity from 64 random bits.
    public init(bits: UInt64) { self.bits = bits }

    /// 16 lower-case hexadecimal digits.
    public var description: String { hex(bits) }

    /// Reads what `description` writes; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let isHex = text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
        guard isHex, text.utf8.count == 16, let bits = UInt64(text, radix: 16) else { return nil }
        self.bits = bits
    }
}

/// One lease of a node by a user: a UUID version 4 (RFC 9562 §5.4).
public struct SessionID: Hashable, Sendable, CustomStringConvertible {
    /// The first eight bytes.
    public let high: UInt64
    /// The last eight bytes.
    public let low: UInt64

    /// A version 4 UUID from 128 random bits; six of them are overwritten by version and variant.
    public init(random high: UInt64, _ low: UInt64) {
        self.high = high & ~0xf000 | 0x4000
        self.low = low & ~(0b11 << 62) | 0b10 << 62
    }

    /// A UUID from its stored halves, kept as they are.
    public init(stored high: UInt64, _ low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Lower-case UUID text, `xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx`.
    public var description: String {
        let text = Array(hex(high) + hex(low))
        return [text[0..<8], text[8..<12], text[12..<16], text[16..<20], text[20..<32]]
            .map { String($0) }.joined(separator: "-")
    }
}

/// `bits` as 16 lower-case hexadecimal digits.
func hex(_ bits: UInt64) -> String {
    let digits = String(bits, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

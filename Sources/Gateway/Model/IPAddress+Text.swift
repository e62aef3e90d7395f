extension IPAddress: CustomStringConvertible {
    /// Reads `192.0.2.1` (RFC 6943 §3.1.1 strict: four decimal parts, no leading zeros) or IPv6
    /// text (RFC 4291 §2.2, without zone); nil for anything else.
    public init?(_ text: some StringProtocol) {
        var text = String(text)
        let parsed: IPAddress? = text.withUTF8 { bytes in
            var parser = AddressParser(bytes: bytes)
            return bytes.contains(UInt8(ascii: ":")) ? parser.parseV6() : parser.parseV4()
        }
        guard let parsed else { return nil }
        self = parsed
    }

    /// The canonical text: dotted decimal, or RFC 5952 for IPv6.
    public var description: String {
        isV4 ? v4Description : v6Description
    }

    private var v4Description: String {
        String(unsafeUninitializedCapacity: 15) { writeV4(to: $0) }
    }

    /// Writes dotted decimal, at most 15 bytes; how many.
    func writeV4(to buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var count = 0
        for shift: UInt32 in [24, 16, 8, 0] {
            if count > 0 {
                buffer[count] = UInt8(ascii: ".")
                count += 1
            }
            count += (v4Bits >> shift & 255).writeDecimal(to: buffer, at: count)
        }
        return count
    }

    private var v6Description: String {
        let groups = (0..<8).map { UInt16(self[2 * $0]) << 8 | UInt16(self[2 * $0 + 1]) }
        let zeros = Self.longestZeroRun(in: groups)
        var text = ""
        var index = 0
        while index < 8 {
            if index == zeros.lowerBound && zeros.count > 1 {
                text += "::"
                index = zeros.upperBound
                continue
            }
            if !text.isEmpty && !text.hasSuffix(":") { text += ":" }
            text += String(groups[index], radix: 16)
            index += 1
        }
        return text
    }

    /// The first of the longest runs of zero groups, as RFC 5952 §4.2.3 asks.
    private static func longestZeroRun(in groups: [UInt16]) -> Range<Int> {
        var best = 0..<0
        var index = 0
        while index < groups.count {
            let start = index
            while index < groups.count && groups[index] == 0 { index += 1 }
            if index - start > best.count { best = start..<index }
            index = max(index, start + 1)
        }
        return best
    }
}

extension UInt32 {
    /// Writes decimal digits, without leading zeros; how many.
    func writeDecimal(to buffer: UnsafeMutableBufferPointer<UInt8>, at start: Int) -> Int {
        var (count, power) = (1, UInt32(10))
        while count < 10, self >= power {
            count += 1
            power = power.multipliedReportingOverflow(by: 10).partialValue
        }
        var rest = self
        for index in (start..<start + count).reversed() {
            buffer[index] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        return count
    }
}

/// Reads one address from ASCII; any deviation is nil.
private struct AddressParser {
    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0

    mutating func parseV4() -> IPAddress? {
        guard let bits = takeDottedQuad(), position == bytes.count else { return nil }
        return IPAddress(v4: bits)
    }

    mutating func parseV6() -> IPAddress? {
        var groups: [UInt16] = []
        var gap: Int?
        if bytes.starts(with: [UInt8(ascii: ":"), UInt8(ascii: ":")]) {
            gap = 0
            position = 2
        }
        while position < bytes.count {
            if groups.count <= 6, let quad = takeTrailingDottedQuad() {
                groups += [UInt16(quad >> 16), UInt16(quad & 0xffff)]
                break
            }
            guard groups.count < 8, let group = takeGroup() else { return nil }
            groups.append(group)
            if position == bytes.count { break }
            guard take(UInt8(ascii: ":")) else { return nil }
            if take(UInt8(ascii: ":")) {
                guard gap == nil else { return nil }
                gap = groups.count
            } else if position == bytes.count {
                return nil
            }
        }
        if let gap {
            guard groups.count <= 7 else { return nil }
            groups.insert(contentsOf: [UInt16](repeating: 0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        let half = { (part: ArraySlice<UInt16>) in part.reduce(0) { $0 << 16 | UInt64($1) } }
        return IPAddress(high: half(groups[0..<4]), low: half(groups[4..<8]))
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func takeGroup() -> UInt16? {
        var value: UInt32 = 0
        let start = position
        while position < bytes.count, let digit = Self.hexDigit(bytes[position]) {
            guard position - start < 4 else { return nil }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return position > start ? UInt16(value) : nil
    }

    private mutating func takeTrailingDottedQuad() -> UInt32? {
        let start = position
        if let quad = takeDottedQuad(), position == bytes.count { return quad }
        position = start
        return nil
    }

    private mutating func takeDottedQuad() -> UInt32? {
        var bits: UInt32 = 0
        for part in 0..<4 {
            if part > 0 && !take(UInt8(ascii: ".")) { return nil }
            let start = position
            var value: UInt32 = 0
            while position < bytes.count, bytes[position] >= 48, bytes[position] <= 57 {
                guard position - start < 3 else { return nil }
                value = value * 10 + UInt32(bytes[position] - 48)
                position += 1
            }
            let hasLeadingZero = position - start > 1 && bytes[start] == 48
            guard position > start, value <= 255, !hasLeadingZero else { return nil }
            bits = bits << 8 | value
        }
        return bits
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 97...102: byte - 87
        case 65...70: byte - 55
        default: nil
        }
    }
}

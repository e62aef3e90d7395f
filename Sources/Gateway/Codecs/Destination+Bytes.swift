import Bytes
package import Model

extension Destination.Host {
    /// The longest name, in the text form without a trailing dot (RFC 1035 §2.3.4).
    package static let nameBytesMax = 253
    private static let labelBytesMax = 63

    /// A host that a peer sent as text: a name that may be looked up, or a literal address; nil for
    /// anything that must never reach a resolver. Names allocate their text, addresses nothing.
    ///
    /// A name is at most 253 bytes, labels of 1...63 ASCII letters, digits, `-` and `_` between
    /// single dots, and one dot at the end is allowed (RFC 1123 §2.1, with the underscore that
    /// real zones use). Names outside ASCII come as A-labels (RFC 5890). A last label of digits or
    /// `0x…` is refused: it is no name, and some resolvers would read an address into it.
    package init?(text: RawSpan) {
        if let address = Self.address(text) {
            self = .address(address)
            return
        }
        guard Self.isName(text) else { return nil }
        self = .name(text.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
    }

    /// A literal address; nil where the text is none. Hexadecimal names never get here cheaply
    /// confused with IPv6: only text with a colon, or of digits and dots, is looked at.
    private static func address(_ text: RawSpan) -> IPAddress? {
        guard (2...45).contains(text.byteCount) else { return nil }
        return text.withUnsafeBytes { bytes in
            let mayBeAddress =
                bytes.contains(UInt8(ascii: ":"))
                || bytes.allSatisfy { isDigit($0) || $0 == UInt8(ascii: ".") }
            return mayBeAddress ? IPAddress(String(decoding: bytes, as: UTF8.self)) : nil
        }
    }

    private static func isName(_ text: RawSpan) -> Bool {
        text.withUnsafeBytes { bytes in
            let name = bytes.last == UInt8(ascii: ".") ? bytes.dropLast() : bytes[...]
            guard (1...nameBytesMax).contains(name.count) else { return false }
            var last = name[name.startIndex..<name.startIndex]
            for label in name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            {
                guard (1...labelBytesMax).contains(label.count), label.allSatisfy(isNameByte)
                else { return false }
                last = label
            }
            return !isNumeric(last)
        }
    }

    private static func isNumeric(_ label: Slice<UnsafeRawBufferPointer>) -> Bool {
        if label.allSatisfy(isDigit) { return true }
        guard label.count >= 2, label[label.startIndex] == UInt8(ascii: "0"),
            label[label.startIndex + 1] | 0x20 == UInt8(ascii: "x")
        else { return false }
        return label.dropFirst(2).allSatisfy { isDigit($0) || (97...102).contains($0 | 0x20) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || (97...122).contains(byte | 0x20) || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_")
    }
}

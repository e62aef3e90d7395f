// RFC 1035 §3.1, §4.1.4
//
// A name is a row of labels and ends with an empty one, or with a pointer to an earlier row:
// offset  size  field
// 0       1     00nnnnnn: n bytes of label follow; 0 ends the name
// 0       2     11pppppp pppppppp: go on at p, counted from the message's first byte

package import Bytes

extension DNS {
    /// A name in its wire form, without compression and in lower case, so that equal names are
    /// equal. Allocates its bytes.
    package struct Name: Hashable, Sendable {
        /// The longest name, with its length bytes and the empty label.
        package static let byteCountMax = 255
        private static let labelBytesMax = 63

        private let wire: [UInt8]

        private init(wire: [UInt8]) { self.wire = wire }

        /// A name from text such as `example.com` or `example.com.`; nil where it is empty, has an
        /// empty label or is too long. No byte but the dot is special.
        package init?(_ text: some StringProtocol) {
            var wire: [UInt8] = []
            let text = String(text)
            wire.reserveCapacity(text.utf8.count + 2)
            let isAbsolute = text.utf8.last == UInt8(ascii: ".")
            let relative = isAbsolute ? text.utf8.dropLast() : text.utf8[...]
            for label in relative.split(
                separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            {
                guard (1...Self.labelBytesMax).contains(label.count) else { return nil }
                wire.append(UInt8(label.count))
                wire.append(contentsOf: label.lazy.map(Self.lowercase))
            }
            wire.append(0)
            guard wire.count <= Self.byteCountMax else { return nil }
            self.wire = wire
        }

        /// Why bytes are no name.
        package enum Fault: Hashable, Sendable {
            /// A label that starts with the bits 01 or 10.
            case labelType
            /// A pointer that does not point to an earlier byte: it may never end.
            case pointer
            /// More than 255 bytes.
            case tooLong
        }

        /// Bytes of the encoded name.
        package var byteCount: Int { wire.count }
    }
}

extension DNS.Name {
    /// Reads a name where `reader` stands, which must have been given the message from its start.
    ///
    /// Every pointer must lead to before the row of labels that it ends, so the walk always ends.
    package static func decode(_ reader: inout ByteReader) -> Decoded<Self, Fault> {
        var wire: [UInt8] = []
        var rowStart = reader.position
        var end: Int?
        while true {
            let labelStart = reader.position
            guard let head = reader.readUInt8() else { return .needs(moreBytes: 1) }
            switch head >> 6 {
            case 0:
                guard head > 0 else {
                    wire.append(0)
                    if let end { _ = reader.move(to: end) }
                    return .value(Self(wire: wire), bytesConsumed: reader.position)
                }
                guard let label = reader.read(Int(head)) else {
                    return .needs(moreBytes: Int(head) - reader.remaining)
                }
                guard wire.count + label.byteCount + 2 <= byteCountMax
                else { return .fault(.tooLong) }
                wire.append(head)
                label.withUnsafeBytes { wire.append(contentsOf: $0.lazy.map(lowercase)) }
            case 3:
                guard let tail = reader.readUInt8() else { return .needs(moreBytes: 1) }
                let target = Int(head & 0x3f) << 8 | Int(tail)
                guard target < rowStart, target < labelStart, reader.move(to: target)
                else { return .fault(.pointer) }
                if end == nil { end = labelStart + 2 }
                rowStart = target
            default:
                return .fault(.labelType)
            }
        }
    }

    /// Writes the name without compression.
    package func encode(into writer: inout ByteWriter) {
        writer.write(wire.span.bytes)
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        (65...90).contains(byte) ? byte | 0x20 : byte
    }
}

extension DNS.Name: CustomStringConvertible {
    /// Dotted text without a dot at the end, `.` for the root; bytes that are not printable, and
    /// dots and backslashes inside labels, as `\DDD` (RFC 1035 §5.1).
    package var description: String {
        var text = ""
        var index = 0
        while wire[index] > 0 {
            if !text.isEmpty { text += "." }
            for byte in wire[index + 1...index + Int(wire[index])] {
                let isPlain =
                    (0x21...0x7e).contains(byte) && byte != UInt8(ascii: ".")
                    && byte != UInt8(ascii: "\\")
                let digits = String(byte)
                text +=
                    isPlain
                    ? String(UnicodeScalar(byte))
                    : "\\" + String(repeating: "0", count: 3 - digits.count) + digits
            }
            index += 1 + Int(wire[index])
        }
        return text.isEmpty ? "." : text
    }
}

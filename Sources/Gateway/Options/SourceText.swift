/// The text of a file, kept to show the line that a diagnostic is about. Secrets are masked.
public struct SourceText: Sendable {
    /// What may be shown of a file's lines.
    public enum Visibility: Sendable {
        /// Every line, with the values of secret keys and URL credentials masked.
        case masked
        /// Nothing: every line holds a secret, as in a file of users and passwords.
        case hidden
    }

    /// The file as diagnostics name it.
    public let file: String
    private let bytes: [UInt8]
    private let lineStarts: [Int]
    private let visibility: Visibility
    /// What parsers have found, as scalar offsets by line.
    private var secrets: [Int: [Range<Int>]] = [:]

    /// Longer lines are not shown: the place and the message must do. It bounds the work of a
    /// diagnostic about a generated file.
    private static let shownScalars = 16_384

    /// The text of `file`. Bytes that are not UTF-8 are shown as replacement characters.
    public init(file: String, bytes: [UInt8], visibility: Visibility = .masked) {
        self.file = file
        self.bytes = bytes
        self.visibility = visibility
        var starts = [0]
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") {
            starts.append(index + 1)
        }
        lineStarts = starts
    }

    /// Whether a key's value is never shown, such as `password`.
    public static func isSecret(key: String) -> Bool { SecretMask.isSecret(key: key) }

    /// Masks what stands from `start` up to `end`: a secret that a parser has found.
    public mutating func mask(from start: Location, upTo end: Location) {
        for line in start.line...max(start.line, min(end.line, lineStarts.count)) {
            let first = line == start.line ? start.column - 1 : 0
            let last = line == end.line ? end.column - 1 : Int.max
            if first < last { secrets[line, default: []].append(first..<last) }
        }
    }

    /// A line as it may be shown, and where `column` went; nil if there is no such line, or if
    /// nothing of the file may be shown.
    public func shown(line number: Int, column: Int) -> (line: String, column: Int)? {
        guard visibility == .masked, lineStarts.indices.contains(number - 1) else { return nil }
        let scalars = scalars(ofLine: number)
        guard scalars.count <= Self.shownScalars else { return nil }
        let ranges = (secrets[number] ?? []) + SecretMask.secrets(in: scalars)
        var shown = String.UnicodeScalarView()
        var shownColumn = 1
        var isMasking = false
        for (index, scalar) in scalars.enumerated() {
            let isSecret = ranges.contains { $0.contains(index) }
            if isSecret && !isMasking { shown.append(contentsOf: "***".unicodeScalars) }
            if !isSecret { shown.append(Self.harmless(scalar)) }
            isMasking = isSecret
            if index + 1 < column { shownColumn = shown.count + (isSecret ? -2 : 1) }
        }
        if column > scalars.count { shownColumn = shown.count + 1 }
        return Self.window(shown, around: max(1, shownColumn))
    }

    /// What a line looks like through a window of bounded width around a column.
    private static func window(
        _ line: String.UnicodeScalarView, around column: Int
    ) -> (line: String, column: Int) {
        let widest = 160
        guard line.count > widest else { return (String(line), column) }
        let first = max(0, min(column - 1 - widest / 2, line.count - widest))
        let kept = line.dropFirst(first).prefix(widest)
        let (before, after) = (first > 0 ? "…" : "", first + widest < line.count ? "…" : "")
        return (before + String(kept) + after, column - first + before.count)
    }

    private func scalars(ofLine number: Int) -> [Unicode.Scalar] {
        let start = lineStarts[number - 1]
        var end = number < lineStarts.count ? lineStarts[number] - 1 : bytes.count
        if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        let hasMark = number == 1 && bytes.starts(with: [0xef, 0xbb, 0xbf])
        return Array(
            String(decoding: bytes[(start + (hasMark ? 3 : 0))..<end], as: UTF8.self).unicodeScalars
        )
    }

    /// Control characters would let a file write to the reader's terminal.
    private static func harmless(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
        return isControl && scalar != "\t" ? "\u{fffd}" : scalar
    }
}

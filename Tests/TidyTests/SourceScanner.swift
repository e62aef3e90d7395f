/// Swift source with the contents of comments and string literals replaced by spaces, so that a
/// search for code finds only code. Lines and columns stay where they were.
///
/// Knows line and nested block comments, plain, raw and multi-line strings and interpolations. Does
/// not know regular expression literals; the project has none.
struct SourceScanner {
    private let source: [UInt8]
    private var position = 0
    private var output: [UInt8] = []

    /// The code of `text`, line by line.
    static func codeLines(of text: String) -> [String] {
        var scanner = SourceScanner(text)
        scanner.scanCode(untilParenthesis: false)
        return String(decoding: scanner.output, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private init(_ text: String) {
        source = Array(text.utf8)
        output.reserveCapacity(source.count)
    }

    private func at(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard position + count <= source.count else { return false }
        return (0..<count).allSatisfy { source[position + $0] == text.utf8Start[$0] }
    }

    private mutating func keep(_ count: Int = 1) {
        output.append(contentsOf: source[position..<min(position + count, source.count)])
        position += count
    }

    private mutating func blank(_ count: Int = 1) {
        for byte in source[position..<min(position + count, source.count)] {
            output.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
        }
        position += count
    }

    /// Copies code up to the end, or up to the parenthesis that ends an interpolation.
    private mutating func scanCode(untilParenthesis: Bool) {
        var depth = 0
        while position < source.count {
            if at("//") {
                while position < source.count, !at("\n") { blank() }
            } else if at("/*") {
                skipBlockComment()
            } else if let hashes = stringStart() {
                skipString(hashes: hashes)
            } else if untilParenthesis, at(")"), depth == 0 {
                return
            } else {
                if at("(") { depth += 1 }
                if at(")") { depth -= 1 }
                keep()
            }
        }
    }

    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            if at("/*") {
                depth += 1
                blank(2)
            } else if at("*/") {
                depth -= 1
                blank(2)
            } else {
                blank()
            }
        } while depth > 0 && position < source.count
    }

    /// How many `#` stand before the quote at the position; nil where no string starts.
    private func stringStart() -> Int? {
        var next = position
        while next < source.count, source[next] == UInt8(ascii: "#") { next += 1 }
        guard next < source.count, source[next] == UInt8(ascii: "\"") else { return nil }
        return next - position
    }

    private func atHashes(_ count: Int, after offset: Int) -> Bool {
        guard position + offset + count <= source.count else { return false }
        return (0..<count).allSatisfy { source[position + offset + $0] == UInt8(ascii: "#") }
    }

    private mutating func skipString(hashes: Int) {
        keep(hashes)
        let isMultiline = at("\"\"\"")
        let quotes = isMultiline ? 3 : 1
        keep(quotes)
        while position < source.count {
            if at("\\"), atHashes(hashes, after: 1) {
                blank(1 + hashes)
                if at("(") {
                    blank()
                    scanCode(untilParenthesis: true)
                    blank()
                } else if hashes == 0 {
                    blank()
                }
            } else if isMultiline ? at("\"\"\"") : at("\""), atHashes(hashes, after: quotes) {
                keep(quotes + hashes)
                return
            } else if !isMultiline, at("\n") {
                return
            } else {
                blank()
            }
        }
    }
}

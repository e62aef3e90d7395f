import Model
import Options

/// Files that the configuration names: users, hosts. Read once each, with their mistakes located.
struct FileAccess {
    /// A line of words.
    typealias Line = [Located<String>]

    private let reader: FileReader
    private(set) var sources: [SourceText] = []
    private(set) var diagnostics: [Diagnostic] = []
    /// What stands for the content of each file that was read, by path: equal for equal content,
    /// within this process.
    private(set) var contents: [String: String] = [:]
    private var isRefused = false

    init(_ reader: @escaping FileReader) {
        self.reader = reader
    }

    /// The bytes of a file; a failure is reported at the place that named it.
    private mutating func bytes(of path: Located<String>) -> [UInt8]? {
        let (path, location) = (path.value, path.location)
        do throws(FileFault) {
            let bytes = try reader(path)
            guard bytes.count <= Limits.configurationBytes else {
                report(
                    .error, at: location,
                    "'\(path)' has \(bytes.count) bytes, more than \(Limits.configurationBytes)")
                return nil
            }
            var hasher = Hasher()
            bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
            contents[path] = "\(bytes.count) \(hasher.finalize())"
            return bytes
        } catch {
            report(.error, at: location, "cannot read '\(path)': \(error.reason)")
            return nil
        }
    }

    /// The words of each line that has any, without comments; nil if the file cannot be read.
    /// Lines are never shown if they hold secrets.
    mutating func lines(
        of path: Located<String>, comments: CommentRule, visibility: SourceText.Visibility
    ) -> [Line]? {
        guard let bytes = bytes(of: path) else { return nil }
        sources.append(SourceText(file: path.value, bytes: bytes, visibility: visibility))
        var lines: [Line] = []
        for (index, line) in bytes.split(separator: 10, omittingEmptySubsequences: false)
            .enumerated()
        {
            let start = Location(file: path.value, line: index + 1, column: 1)
            guard let text = String(validating: line, as: UTF8.self) else {
                report(.error, at: start, "this line is not UTF-8 text")
                continue
            }
            let words = Self.words(of: text, at: start, comments: comments)
            if !words.isEmpty { lines.append(words) }
        }
        return lines
    }

    /// The value of a file in YAML or JSON; nil if it has none, or if it cannot be read, which is
    /// reported.
    mutating func value(of path: Located<String>) -> Node? {
        guard let bytes = bytes(of: path) else { return nil }
        let composed = NodeComposer.compose(bytes, file: path.value)
        sources.append(composed.source)
        for finding in composed.diagnostics {
            report(finding.severity, at: finding.location, finding.message, hint: finding.hint)
        }
        return composed.isBroken ? nil : composed.node
    }

    /// Where a `#` starts a comment.
    enum CommentRule {
        /// Only as the first character of a line: passwords may hold one.
        case wholeLines
        /// Anywhere.
        case anywhere
    }

    private static func words(of text: String, at start: Location, comments: CommentRule) -> Line {
        var words: Line = []
        var word = String.UnicodeScalarView()
        var wordColumn = 0
        for (column, scalar) in text.unicodeScalars.enumerated() {
            if scalar == "#", comments == .anywhere || column == 0 { break }
            if scalar == " " || scalar == "\t" || scalar == "\r" {
                if !word.isEmpty {
                    words.append(Located(String(word), at: start.advanced(by: wordColumn)))
                }
                word = String.UnicodeScalarView()
            } else {
                if word.isEmpty { wordColumn = column }
                word.append(scalar)
            }
        }
        if !word.isEmpty { words.append(Located(String(word), at: start.advanced(by: wordColumn))) }
        return words
    }

    /// More than anybody reads at once; a file may have a hundred thousand wrong lines.
    private static let findingsMax = 100

    /// Adds a finding; of very many only the first are kept.
    mutating func report(
        _ severity: Diagnostic.Severity, at location: Location?, _ message: String,
        hint: String? = nil
    ) {
        guard diagnostics.count < Self.findingsMax || severity == .error && !isRefused else {
            return
        }
        if severity == .error { isRefused = true }
        diagnostics.append(Diagnostic(severity, at: location, message, hint: hint))
    }
}

extension Diagnostic {
    /// `file:line:column: error: message`, and below it the line, a caret and the hint. Secrets in
    /// the line are masked; without a source only the first line and the hint are written.
    public func rendered(source: SourceText?) -> String {
        var text = location.map { "\($0): " } ?? ""
        text += "\(severity.rawValue): \(message)\n"
        if let location, let source, source.file == location.file,
            let shown = source.shown(line: location.line, column: location.column),
            !shown.line.isEmpty
        {
            text += "    \(shown.line)\n    \(Self.indentation(of: shown))^\n"
        }
        if let hint { text += "  hint: \(hint)\n" }
        return text
    }

    /// Spaces up to the caret, with tabs where the line has tabs.
    private static func indentation(of shown: (line: String, column: Int)) -> String {
        let scalars = shown.line.unicodeScalars.prefix(shown.column - 1)
        let kept = scalars.map { $0 == "\t" ? "\t" : " " }.joined()
        return kept + String(repeating: " ", count: shown.column - 1 - scalars.count)
    }

    /// All of them, each once, in the order of files, lines and columns. Those without a place
    /// come first; files come in the order of `files`, others behind in the order of their names.
    public static func sorted(_ diagnostics: [Diagnostic], files: [String] = []) -> [Diagnostic] {
        var seen: Set<Diagnostic> = []
        let unique = diagnostics.filter { seen.insert($0).inserted }
        let order = { (file: String) in files.firstIndex(of: file) ?? files.count }
        return unique.enumerated().sorted { one, other in
            guard let left = one.element.location, let right = other.element.location else {
                let (hasLeft, hasRight) =
                    (one.element.location != nil, other.element.location != nil)
                return hasLeft == hasRight ? one.offset < other.offset : !hasLeft
            }
            if left.file != right.file {
                let (first, second) = (order(left.file), order(right.file))
                return first == second ? left.file < right.file : first < second
            }
            return (left.line, left.column, one.offset) < (right.line, right.column, other.offset)
        }.map(\.element)
    }

    /// All of them as text, each with the line of its source.
    public static func render(_ diagnostics: [Diagnostic], sources: [SourceText]) -> String {
        diagnostics.map { diagnostic in
            diagnostic.rendered(
                source: sources.first { $0.file == diagnostic.location?.file })
        }.joined()
    }
}

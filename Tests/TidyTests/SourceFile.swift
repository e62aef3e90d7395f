/// A Swift file as the rules see it.
struct SourceFile {
    /// From the root of the repository, such as `Sources/Gateway/Loop/EventLoop.swift`.
    let path: String
    /// As written.
    let lines: [String]
    /// With comments and the contents of strings blanked, line by line.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        code = SourceScanner.codeLines(of: text)
    }

    /// The name of the SwiftPM target that the file belongs to, by its folder.
    var area: String {
        let parts = path.split(separator: "/").map(String.init)
        if parts.count > 2, parts[0] == "Sources" { return parts[2] }
        return parts.count > 1 ? parts[1] : parts[0]
    }

    /// What the file says, without the folder.
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// Imported modules with the number of their line.
    var imports: [(module: String, line: Int)] {
        code.enumerated().compactMap { index, line in
            let words = line.split { $0 == " " || $0 == "." }.map(String.init)
            guard let at = words.firstIndex(of: "import"), at < 2, at + 1 < words.count else {
                return nil
            }
            let kinds: Set = ["struct", "class", "enum", "func", "protocol", "var", "typealias"]
            let isScoped = kinds.contains(words[at + 1]) && at + 2 < words.count
            return (words[isScoped ? at + 2 : at + 1], index + 1)
        }
    }

    /// Functions, initialisers and the like with a body, and how many lines each has from its
    /// keyword to its closing brace.
    var functions: [(line: Int, lineCount: Int)] {
        var found: [(Int, Int)] = []
        for (index, line) in code.enumerated() where Self.opensFunction(line) {
            if let last = lastLineOfBody(from: index) {
                found.append((index + 1, last - index + 1))
            }
        }
        return found
    }

    private static func opensFunction(_ line: String) -> Bool {
        let words = line.split { " \t(<{".contains($0) }
        let first = words.first { !$0.hasPrefix("@") && !modifiers.contains(String($0)) }
        return first.map { ["func", "init", "init?", "deinit", "subscript"].contains($0) } ?? false
    }

    /// Words that may stand before a declaration's keyword.
    static let modifiers: Set<String> = [
        "public", "package", "internal", "private", "fileprivate", "open", "static", "final",
        "mutating", "nonmutating", "consuming", "borrowing", "override", "convenience", "required",
        "nonisolated", "isolated", "class", "lazy", "weak", "unowned", "indirect", "prefix",
        "postfix", "infix", "unsafe", "nonsending", "private(set)", "set)", "unsafe)",
        "nonsending)",
    ]

    /// Where the first brace at the declaration's own level closes; nil for a requirement.
    private func lastLineOfBody(from start: Int) -> Int? {
        var braces = 0
        var parentheses = 0
        for index in start..<code.count {
            for character in code[index] {
                switch character {
                case "(", "[": parentheses += 1
                case ")", "]": parentheses -= 1
                case "{": braces += 1
                case "}":
                    braces -= 1
                    if braces < 0 { return nil }
                    if braces == 0, parentheses == 0 { return index }
                default: break
                }
            }
            // A requirement ends with its line: the next declaration or an empty line follows.
            if braces == 0, parentheses == 0, index + 1 < code.count {
                let next = code[index + 1].drop { $0 == " " }
                let goesOn = ["{", "->", "throws", "async", "where", ")"].contains {
                    next.hasPrefix($0)
                }
                if !goesOn { return nil }
            }
        }
        return nil
    }
}

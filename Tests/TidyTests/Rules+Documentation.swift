extension Rules {
    private static let keywords: Set<String> = [
        "func", "var", "let", "struct", "class", "enum", "actor", "protocol", "init", "init?",
        "subscript", "typealias", "associatedtype",
    ]

    /// Names that protocols of the standard library explain.
    private static let standard: Set<String> = ["==", "<", "hash", "rawValue", "description"]

    /// Names that the protocols of a file require, and therefore explain.
    static func requirements(_ file: SourceFile) -> [String] {
        var names: [String] = []
        var isInside = false
        for line in file.code {
            let words = line.split { " (:<".contains($0) }.map(String.init)
            if words.prefix(2).contains("protocol") {
                isInside = !line.contains("}")
            } else if line.hasPrefix("}") {
                isInside = false
            } else if isInside, let at = words.firstIndex(where: { $0 == "func" || $0 == "var" }),
                at + 1 < words.count
            {
                names.append(words[at + 1])
            }
        }
        return names
    }

    /// Each package or public declaration has a documentation comment, types and functions one that
    /// says more than their name, and each reference type says which thread owns it. A protocol's
    /// requirements are explained there (`explained`), and package initialisers explain themselves;
    /// the formatter asks for comments on public ones.
    static func documentation(_ file: SourceFile, explained: Set<String> = []) -> [Finding] {
        file.code.indices.flatMap { index -> [Finding] in
            guard let (keyword, name) = declaration(file.code[index]),
                !standard.contains(name),
                !(keyword.hasPrefix("init") && file.code[index].contains("package "))
            else { return [] }
            let comment = comment(above: index, in: file)
            func finding(_ message: String) -> [Finding] {
                [Finding(path: file.path, line: index + 1, message: message)]
            }
            guard let first = comment.first else {
                if explained.contains(name), keyword == "func" || keyword == "var" { return [] }
                return finding("'\(name)' has no documentation comment")
            }
            if !["var", "let"].contains(keyword), isNameAgain(first, name: name) {
                return finding("the comment of '\(name)' only repeats the name")
            }
            let isReference = keyword == "class" || keyword == "actor"
            if isReference, !comment.contains(where: { $0.contains("## Concurrency") }) {
                return finding("'\(name)' has no '## Concurrency' paragraph")
            }
            return []
        }
    }

    /// The keyword and name that a line declares for other modules; nil for any other line.
    static func declaration(_ line: String) -> (keyword: String, name: String)? {
        let words = line.split { " \t(:{".contains($0) }.map(String.init)
            .filter { !$0.hasPrefix("@") }
        guard let first = words.first, first == "package" || first == "public",
            !words.contains("extension"), !words.contains("import")
        else { return nil }
        let plain: Set = SourceFile.modifiers.subtracting(["class"])
        let rest = Array(words.drop { plain.contains($0) })
        // `class func` and `class var` are members, `class Name` is a type.
        guard let keyword = rest.first, keywords.contains(keyword) else { return nil }
        guard rest.count > 1, !keyword.hasPrefix("init") else { return (keyword, keyword) }
        let name = rest[1].first?.isLetter == true ? rest[1].prefix { $0 != "<" } : rest[1][...]
        return (keyword, String(name))
    }

    /// The comment's lines without slashes; attributes may stand between it and the declaration.
    private static func comment(above index: Int, in file: SourceFile) -> [String] {
        var at = index - 1
        while at >= 0 {
            let line = file.lines[at].drop { $0 == " " }
            guard line.hasPrefix("@") || line.hasPrefix("// swift-format-ignore") else { break }
            at -= 1
        }
        var comment: [String] = []
        while at >= 0 {
            let line = file.lines[at].drop { $0 == " " }
            guard line.hasPrefix("///") else { break }
            comment.append(String(line.dropFirst(3)))
            at -= 1
        }
        return comment.reversed()
    }

    private static func isNameAgain(_ comment: String, name: String) -> Bool {
        let words = comment.split { !$0.isLetter }.map { $0.lowercased() }
        let said = words.filter { !["a", "an", "the"].contains($0) }.joined()
        return said == name.lowercased().filter(\.isLetter) || said.isEmpty
    }
}

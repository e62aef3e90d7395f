/// The rules, each a pure function from a file to what is wrong with it. `RuleTests` shows that
/// each finds what it is for; `TidyTests` runs them over the checkout.
enum Rules {
    static let fileLineMax = 400
    static let functionLineMax = 70
    static let columnMax = 100

    static func length(_ file: SourceFile) -> [Finding] {
        var found: [Finding] = []
        let lineCount = file.lines.last == "" ? file.lines.count - 1 : file.lines.count
        if lineCount > fileLineMax {
            found.append(
                Finding(
                    path: file.path, line: 1,
                    message: "\(lineCount) lines; at most \(fileLineMax), split by concern"))
        }
        for (line, count) in file.functions where count > functionLineMax {
            found.append(
                Finding(
                    path: file.path, line: line,
                    message: "a function of \(count) lines; at most \(functionLineMax)"))
        }
        for (index, line) in file.lines.enumerated() where line.count > columnMax {
            found.append(
                Finding(
                    path: file.path, line: index + 1,
                    message: "\(line.count) columns; at most \(columnMax)"))
        }
        return found
    }
}

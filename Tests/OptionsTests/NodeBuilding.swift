import Options

/// A place in the file `test.yaml`.
func place(_ line: Int, _ column: Int = 1) -> Location {
    Location(file: "test.yaml", line: line, column: column)
}

/// A plain scalar.
func plain(_ text: String, line: Int = 1) -> Node {
    Node(.scalar(text, isQuoted: false), at: place(line, 10))
}

/// A quoted scalar.
func quoted(_ text: String, line: Int = 1) -> Node {
    Node(.scalar(text, isQuoted: true), at: place(line, 10))
}

/// A list.
func list(_ nodes: Node..., line: Int = 1) -> Node {
    Node(.sequence(nodes), at: place(line, 10))
}

/// A mapping whose entries stand on lines 1, 2, … .
func mapping(_ entries: KeyValuePairs<String, Node>) -> Node {
    let entries = entries.enumerated().map { index, entry in
        (key: Node.Key(text: entry.key, location: place(index + 1)), value: entry.value)
    }
    return Node(.mapping(entries), at: place(1))
}

extension OptionReader {
    /// What was said, one line each.
    var said: [String] {
        diagnostics.map { finding in
            let place = finding.location.map { "\($0.line):\($0.column) " } ?? ""
            let hint = finding.hint.map { " (\($0))" } ?? ""
            return place + finding.severity.rawValue + ": " + finding.message + hint
        }
    }
}

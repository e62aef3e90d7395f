package import Options

extension Node {
    /// The value as a YAML document, indented as gost indents.
    package var yaml: String {
        var lines: [String] = []
        switch value {
        case .mapping(let entries) where entries.isEmpty:
            return "{}\n"
        case .scalar, .sequence, .mapping:
            write(into: &lines, indentation: "")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func write(into lines: inout [String], indentation: String) {
        switch value {
        case .scalar(let text, let isQuoted):
            lines.append(indentation + Self.scalar(text, isQuoted: isQuoted))
        case .sequence(let items):
            for item in items {
                var part: [String] = []
                item.write(into: &part, indentation: indentation + "  ")
                if item.isEmptyCollection { part = [indentation + "  " + item.emptyText] }
                part[0] = indentation + "- " + part[0].dropFirst(indentation.count + 2)
                lines += part
            }
        case .mapping(let entries):
            for entry in entries {
                let key = Self.scalar(entry.key.text, isQuoted: true)
                if case .scalar(let text, let isQuoted) = entry.value.value {
                    let text = Self.scalar(text, isQuoted: isQuoted)
                    lines.append(indentation + key + (text.isEmpty ? ":" : ": " + text))
                } else if entry.value.isEmptyCollection {
                    lines.append(indentation + key + ": " + entry.value.emptyText)
                } else {
                    lines.append(indentation + key + ":")
                    entry.value.write(into: &lines, indentation: indentation + "  ")
                }
            }
        }
    }

    private var isEmptyCollection: Bool {
        switch value {
        case .scalar: false
        case .sequence(let items): items.isEmpty
        case .mapping(let entries): entries.isEmpty
        }
    }

    private var emptyText: String {
        if case .sequence = value { "[]" } else { "{}" }
    }

    /// Text that was quoted needs quotes where it would read as something else without them.
    private static func scalar(_ text: String, isQuoted: Bool) -> String {
        if !isQuoted {
            let isSafe = text.isEmpty || text == "~" || ScalarText.canBePlain(text)
            return isSafe ? text : ScalarText.quoted(text)
        }
        let isText = ScalarText.meaning(of: text) == .text
        return isText && ScalarText.canBePlain(text) ? text : ScalarText.quoted(text)
    }
}

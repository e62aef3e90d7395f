package import Options

extension Node {
    /// The value as a JSON document, indented by two spaces as gost does.
    package var json: String { json(indentation: "") + "\n" }

    private func json(indentation: String) -> String {
        let deeper = indentation + "  "
        switch value {
        case .scalar(let text, let isQuoted):
            return isQuoted ? ScalarText.quoted(text) : Self.literal(text)
        case .sequence(let items):
            guard !items.isEmpty else { return "[]" }
            let parts = items.map { deeper + $0.json(indentation: deeper) }
            return "[\n" + parts.joined(separator: ",\n") + "\n\(indentation)]"
        case .mapping(let entries):
            guard !entries.isEmpty else { return "{}" }
            let parts = entries.map { entry in
                let value = entry.value.json(indentation: deeper)
                return "\(deeper)\(ScalarText.quoted(entry.key.text)): \(value)"
            }
            return "{\n" + parts.joined(separator: ",\n") + "\n\(indentation)}"
        }
    }

    /// A plain scalar: JSON's own literals as they are, anything else as text.
    private static func literal(_ text: String) -> String {
        switch text {
        case "", "~", "null", "Null", "NULL": "null"
        case "true", "false": text
        default: ScalarText.isJSONNumber(text) ? text : ScalarText.quoted(text)
        }
    }
}

/// How a scalar is written so that it reads back as it was.
enum ScalarText {
    /// What a plain scalar would be read as.
    enum Meaning {
        case null
        case bool
        case number
        case text
    }

    /// What YAML's core schema makes of a plain scalar.
    static func meaning(of text: String) -> Meaning {
        switch text.lowercased() {
        case "", "~", "null":
            return .null
        case "true", "false", "yes", "no", "on", "off", "y", "n":
            return .bool
        case ".inf", "-.inf", "+.inf", ".nan":
            return .number
        default:
            return isNumberLike(text) ? .number : .text
        }
    }

    /// Digits with signs, dots, underscores, exponents and prefixes. More than the schema has, so
    /// that no reader takes quoted text for a number.
    private static func isNumberLike(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first(where: { $0 != 0x2b && $0 != 0x2d && $0 != 0x2e }),
            (48...57).contains(first)
        else { return false }
        if bytes.starts(with: "0x".utf8) || bytes.starts(with: "0o".utf8) { return true }
        return bytes.allSatisfy { (48...57).contains($0) || "+-._eE:".utf8.contains($0) }
            && !(text.contains(".") && IPLike.isAddress(text))
    }

    /// `192.0.2.1` and `192.0.2.1:80` are text to every reader.
    private enum IPLike {
        static func isAddress(_ text: String) -> Bool {
            text.split(separator: ".", omittingEmptySubsequences: false).count == 4
        }
    }

    /// A plain scalar that is a number in JSON too, character by character.
    static func isJSONNumber(_ text: String) -> Bool {
        var rest = Substring(text)
        func takeDigits() -> Int {
            let digits = rest.utf8.prefix { (48...57).contains($0) }.count
            rest = rest.dropFirst(digits)
            return digits
        }
        if rest.first == "-" { rest = rest.dropFirst() }
        let startsWithZero = rest.first == "0"
        let whole = takeDigits()
        guard whole > 0, whole == 1 || !startsWithZero else { return false }
        if rest.first == "." {
            rest = rest.dropFirst()
            guard takeDigits() > 0 else { return false }
        }
        if rest.first == "e" || rest.first == "E" {
            rest = rest.dropFirst()
            if rest.first == "-" || rest.first == "+" { rest = rest.dropFirst() }
            guard takeDigits() > 0 else { return false }
        }
        return rest.isEmpty
    }

    /// Whether text can be written without quotes in a block mapping or list.
    static func canBePlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last,
            first != " ", last != " ", last != ":",
            !"!&*-?|>@`\"'%{}[],#=<".unicodeScalars.contains(first) || isHarmlessStart(text),
            !text.contains(": "), !text.contains(" #"), !text.hasPrefix("---"),
            !text.hasPrefix("...")
        else { return false }
        return text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7f }
    }

    /// `-1s` and `-x` are plain; `- x` and `-` are not.
    private static func isHarmlessStart(_ text: String) -> Bool {
        guard text.hasPrefix("-"), let second = text.dropFirst().first else { return false }
        return second != " " && second != "-"
    }

    /// Text between double quotes with escapes that YAML and JSON have in common.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            default:
                let isHidden =
                    scalar.value < 0x20 || (0x7f...0xa0).contains(scalar.value)
                    || scalar == "\u{2028}" || scalar == "\u{2029}"
                if isHidden {
                    let digits = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}

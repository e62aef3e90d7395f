/// Finds what must not be shown in a line of configuration: passwords, tokens, URL credentials.
///
/// It works on one line of text, so that it also covers files that cannot be parsed. It hides too
/// much rather than too little.
enum SecretMask {
    /// A key is secret when its last dotted part contains one of these, without regard to case.
    private static let secretWords = [
        "password", "passwd", "passphrase", "secret", "token", "apikey", "api_key", "privatekey",
        "private_key", "credential",
    ]

    /// Whether a key's value is hidden.
    static func isSecret(key: some StringProtocol) -> Bool {
        let key = key.lowercased()
        return key == "auth" || secretWords.contains { key.contains($0) }
    }

    /// The parts of `line` to hide, in order and without overlap, as scalar offsets.
    static func secrets(in line: [Unicode.Scalar]) -> [Range<Int>] {
        let found = (valuesOfKeys(in: line) + userInfo(in: line)).sorted {
            $0.lowerBound < $1.lowerBound
        }
        var merged: [Range<Int>] = []
        for range in found where !range.isEmpty {
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] =
                    last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }

    // MARK: `key: value`, `"key":"value"`, `key=value`

    private static func valuesOfKeys(in line: [Unicode.Scalar]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var position = 0
        while position < line.count {
            guard line[position] == ":" || line[position] == "=" else {
                position += 1
                continue
            }
            let separator = line[position]
            let key = keyEnding(at: position, in: line)
            position += 1
            guard isSecret(key: key) else { continue }
            let value = valueStarting(at: position, in: line, isQuery: separator == "=")
            // `auth: {username: u, password: p}` and `auth:` of a mapping hide only their parts.
            if key.lowercased() == "auth", value.isEmpty || line[value.lowerBound] == "{" {
                continue
            }
            ranges.append(value)
            position = max(position, value.upperBound)
        }
        return ranges
    }

    private static func keyEnding(at end: Int, in line: [Unicode.Scalar]) -> String {
        var start = end
        while start > 0, line[start - 1] == " " || line[start - 1] == "\"" || line[start - 1] == "'"
        {
            start -= 1
        }
        var key = String.UnicodeScalarView()
        while start > 0, isKeyPart(line[start - 1]) {
            start -= 1
            key.append(line[start])
        }
        return String(String(key).reversed())
    }

    private static func isKeyPart(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isAlphabetic || scalar.properties.numericType != nil || scalar == "."
            || scalar == "_" || scalar == "-"
    }

    private static func valueStarting(
        at start: Int, in line: [Unicode.Scalar], isQuery: Bool
    ) -> Range<Int> {
        var start = start
        while start < line.count, line[start] == " " || line[start] == "\t" { start += 1 }
        guard start < line.count else { return start..<start }
        let quote = line[start]
        if quote == "\"" || quote == "'" {
            var end = start + 1
            while end < line.count {
                let isDoubled = line[end] == quote && end + 1 < line.count && line[end + 1] == quote
                if line[end] == quote && !isDoubled { break }
                end += isDoubled || (line[end] == "\\" && quote == "\"") ? 2 : 1
            }
            return start..<min(end + 1, line.count)
        }
        if quote == "{" || quote == "[" || isQuery {
            var end = start
            while end < line.count, !(isQuery && line[end] == "&") { end += 1 }
            return start..<end
        }
        // A plain value may hold commas only outside of `{…}`; hide up to the safer end.
        let isInFlow = line[..<start].contains("{") || line[..<start].contains("[")
        var end = start
        while end < line.count, !(isInFlow && endsFlowValue(at: end, in: line)) { end += 1 }
        while end > start, line[end - 1] == " " { end -= 1 }
        return start..<end
    }

    /// A value in `{…}` ends at the bracket, or at a comma with another key behind it.
    private static func endsFlowValue(at index: Int, in line: [Unicode.Scalar]) -> Bool {
        if line[index] == "}" { return true }
        guard line[index] == "," else { return false }
        let rest = line[(index + 1)...].prefix { $0 != "," && $0 != "}" }
        return rest.contains(":")
    }

    // MARK: `scheme://user:password@host`

    private static func userInfo(in line: [Unicode.Scalar]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        for position in line.indices {
            let scalar = line[position]
            if scalar == "@" {
                var colon = start
                while colon < position, line[colon] != ":" { colon += 1 }
                if colon < position { ranges.append(colon + 1..<position) }
                start = position + 1
            } else if scalar == " " || scalar == "\"" || scalar == "'" || scalar == "," {
                start = position + 1
            } else if scalar == "/", position > 1, line[position - 1] == "/",
                line[position - 2] == ":"
            {
                start = position + 1
            }
        }
        return ranges
    }
}

import Options

/// What stands behind the key of a line of `climiters` and `rlimiters`: one number.
enum LimitNumber {
    /// How many connections; as much as nobody has is as good as no limit.
    static func connections(
        _ words: [Located<String>], _ findings: inout [Diagnostic]
    ) -> Int? {
        number(
            words, "a number of connections from 1", hint: "such as 100", &findings
        ) { text in
            Int(text).flatMap { (1...1_000_000_000).contains($0) ? $0 : nil }
        }
    }

    /// How many connections in a second.
    static func arrivals(
        _ words: [Located<String>], _ findings: inout [Diagnostic]
    ) -> Double? {
        number(
            words, "a number of connections in a second, above 0", hint: "such as 100 or 0.5",
            &findings
        ) { text in
            let digits = text.allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") }
            return digits
                ? Double(text).flatMap { (0.000_1...1_000_000).contains($0) ? $0 : nil } : nil
        }
    }

    private static func number<Value>(
        _ words: [Located<String>], _ expectation: String, hint: String,
        _ findings: inout [Diagnostic], read: (String) -> Value?
    ) -> Value? {
        if words.count > 1 {
            findings.append(
                Diagnostic(.error, at: words[1].location, "a line is a key and a number"))
            return nil
        }
        if let value = read(words[0].value) { return value }
        findings.append(
            Diagnostic(
                .error, at: words[0].location, "'\(words[0].value)' must be \(expectation)",
                hint: hint))
        return nil
    }
}

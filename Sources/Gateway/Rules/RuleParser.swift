/// Reads a rule: `||` binds weaker than `&&`, and that weaker than `!`.
struct RuleParser {
    private let scalars: [Unicode.Scalar]
    private let subject: Rule.Subject
    private var position = 0
    private var depth = 0

    /// Characters of a rule, and nesting; a rule is written by hand.
    private static let (charactersMax, depthMax) = (8192, 64)

    init(_ text: String, _ subject: Rule.Subject) {
        self.subject = subject
        scalars = Array(text.unicodeScalars)
    }

    mutating func parse() throws(RuleFault) -> Rule.Expression {
        guard scalars.count <= Self.charactersMax else {
            throw RuleFault("a rule has at most \(Self.charactersMax) characters", at: 0)
        }
        let expression = try parseOr()
        skipSpaces()
        guard position == scalars.count else {
            throw RuleFault(
                "'\(scalars[position])' cannot stand here", at: position,
                hint: "conditions are joined with && or ||")
        }
        return expression
    }

    private mutating func parseOr() throws(RuleFault) -> Rule.Expression {
        var parts = [try parseAnd()]
        while take("||") { parts.append(try parseAnd()) }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private mutating func parseAnd() throws(RuleFault) -> Rule.Expression {
        var parts = [try parseUnary()]
        while take("&&") { parts.append(try parseUnary()) }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    private mutating func parseUnary() throws(RuleFault) -> Rule.Expression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else {
            throw RuleFault("a rule is nested too deeply", at: position)
        }
        if take("!") { return .not(try parseUnary()) }
        if take("(") {
            let expression = try parseOr()
            try expect(")")
            return expression
        }
        return try parseCall()
    }

    private mutating func parseCall() throws(RuleFault) -> Rule.Expression {
        skipSpaces()
        let start = position
        while position < scalars.count, scalars[position].properties.isAlphabetic { position += 1 }
        let name = String(String.UnicodeScalarView(scalars[start..<position]))
        guard !name.isEmpty else {
            throw RuleFault(
                position < scalars.count
                    ? "a condition must stand here, not '\(scalars[position])'"
                    : "a condition is missing at the end", at: start,
                hint: "such as Host(`example.com`)")
        }
        let function = try RuleFunction.named(name, at: start, for: subject)
        try expect("(")
        var tests: [RuleTest] = []
        repeat { tests.append(try function.test(try parseArgument())) } while take(",")
        try expect(")")
        return .call(tests)
    }

    private mutating func parseArgument() throws(RuleFault) -> RuleArgument {
        skipSpaces()
        let start = position
        guard position < scalars.count, scalars[position] == "`" || scalars[position] == "\""
        else {
            throw RuleFault(
                "an argument stands between ` or \"", at: start, hint: "such as Host(`example.com`)"
            )
        }
        let quote = scalars[position]
        position += 1
        var text = String.UnicodeScalarView()
        while position < scalars.count, scalars[position] != quote {
            if quote == "\"", scalars[position] == "\\", position + 1 < scalars.count {
                position += 1
                let escaped = scalars[position]
                text.append(escaped == "n" ? "\n" : escaped == "t" ? "\t" : escaped)
            } else {
                text.append(scalars[position])
            }
            position += 1
        }
        guard position < scalars.count else {
            throw RuleFault("this argument does not end", at: start)
        }
        position += 1
        return RuleArgument(text: String(text), offset: start)
    }

    private mutating func skipSpaces() {
        while position < scalars.count, scalars[position].properties.isWhitespace { position += 1 }
    }

    private mutating func take(_ word: String) -> Bool {
        skipSpaces()
        guard scalars[position...].starts(with: word.unicodeScalars) else { return false }
        position += word.unicodeScalars.count
        return true
    }

    private mutating func expect(_ word: String) throws(RuleFault) {
        guard take(word) else { throw RuleFault("'\(word)' is missing", at: position) }
    }
}

/// An argument and where it stands.
struct RuleArgument {
    let text: String
    let offset: Int
}

/// A condition on requests, as gost's `matcher.rule` has it: functions such as
/// ``Host(`a.example`)`` with `&&`, `||`, `!` and parentheses.
package struct Rule: Sendable, Hashable {
    /// Where a rule stands, which decides what it can ask about.
    package enum Subject: Sendable, Hashable {
        /// A chain or a node of one: who asks and for what, of which payload nothing is seen.
        case chain
        /// A forwarder's node: who asks. What for is the node itself.
        case forwarder
    }

    indirect enum Expression: Sendable, Hashable {
        /// Every one holds.
        case all([Expression])
        /// At least one holds.
        case any([Expression])
        /// The other does not hold.
        case not(Expression)
        /// A function call: at least one of its tests holds.
        case call([RuleTest])
    }

    /// The text that it was read from.
    package let text: String
    let expression: Expression

    /// Reads a rule; what is wrong is a fault with its place.
    package init(_ text: String, of subject: Subject) throws(RuleFault) {
        var parser = RuleParser(text, subject)
        expression = try parser.parse()
        self.text = text
    }

    /// gost's priority of a rule that has none of its own: its length.
    package var priority: Int { text.utf8.count }

    /// Whether it asks for what a client wants to reach.
    package var asksForDestination: Bool { Self.asksForDestination(expression) }

    private static func asksForDestination(_ expression: Expression) -> Bool {
        switch expression {
        case .all(let parts), .any(let parts): parts.contains { asksForDestination($0) }
        case .not(let part): asksForDestination(part)
        case .call(let tests): tests.contains { $0.asksForDestination }
        }
    }

    /// Whether it holds.
    package func holds(for facts: RuleFacts) -> Bool { Self.holds(expression, facts) }

    private static func holds(_ expression: Expression, _ facts: RuleFacts) -> Bool {
        switch expression {
        case .all(let parts): parts.allSatisfy { holds($0, facts) }
        case .any(let parts): parts.contains { holds($0, facts) }
        case .not(let part): !holds(part, facts)
        case .call(let tests): tests.contains { $0.holds(for: facts) }
        }
    }
}

/// Why a text is no rule.
package struct RuleFault: Error, Hashable, Sendable {
    /// Characters (Unicode scalars) before the place.
    package let offset: Int
    /// What is wrong there.
    package let message: String
    /// What to do.
    package let hint: String?

    init(_ message: String, at offset: Int, hint: String? = nil) {
        self.offset = offset
        self.message = message
        self.hint = hint
    }
}

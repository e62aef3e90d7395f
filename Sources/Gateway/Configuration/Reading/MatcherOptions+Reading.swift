import Options
import Rules

extension MatcherOptions {
    /// Reads `matcher:`; nil after a mistake.
    init?(from reader: inout OptionReader, of subject: Rule.Subject) {
        let asked = reader.integer("priority", default: 0, in: -1_000_000...1_000_000)
        reader.notYet(.warning, ["bodySize"])
        guard let node = reader.node("rule") else {
            reader.missing("rule", hint: "such as rule: Host(`example.com`)")
            return nil
        }
        guard case .scalar(let text, let isQuoted) = node.value else {
            reader.error("'rule' must be text", at: node.location)
            return nil
        }
        do throws(RuleFault) {
            rule = try Rule(text, of: subject)
        } catch {
            reader.error(
                error.message,
                at: node.location.advanced(by: error.offset + (isQuoted ? 1 : 0)),
                hint: error.hint)
            return nil
        }
        // As in gost: a rule without a priority of its own is worth its length.
        priority = asked == 0 ? rule.priority : asked
    }
}

import Chance
import Rules
import Testing

@Suite("A pattern of a rule")
struct PatternTests {
    @Test(arguments: [
        ("", "", true), ("", "a", true), ("a", "", false), ("b", "abc", true), ("^b", "abc", false),
        ("^abc$", "abc", true), ("^ab$", "abc", false), ("a.c", "abc", true),
        ("a.c", "a\nc", false),
        ("a\\.c", "abc", false), ("a|b", "xb", true), ("^(a|bc)+$", "abcbca", true),
        ("^(?:a|bc)+$", "abb", false), ("^(?P<n>a)(?<m>b)$", "ab", true), ("^a*$", "", true),
        ("^a+$", "", false), ("^a?b$", "b", true), ("^a??b$", "ab", true), ("^a{2}$", "aa", true),
        ("^a{2}$", "aaa", false), ("^a{2,}$", "aaaa", true), ("^a{2,3}$", "aaaa", false),
        ("^a{0}b$", "b", true), ("a{,2}", "a{,2}", true), ("^[a-c]+$", "abc", true),
        ("^[^a-c]+$", "xyz", true), ("^[^a-c]$", "b", false), ("^[]a]+$", "]a", true),
        ("^[a-]$", "-", true), ("^[\\d\\-x]+$", "5-x", true),
        ("^\\w+\\s\\d\\D\\S\\W$", "a 1bc!", true),
        ("(?i)^ABC$", "aBc", true), ("(?i)[x-z]", "Y", true), ("(?i)^[^x]$", "X", false),
        ("^é.$", "éß", true), ("^(a*)*$", "aaaa", true), ("^(a|)+$", "aa", true),
        ("(^a|b$)", "cb", true), ("a$b", "a", false), ("\\$", "a$", true), ("^(|x)y$", "xy", true),
    ])
    func `occurs where RE2 says`(_ pattern: String, _ text: String, _ expected: Bool) throws {
        #expect(try Pattern(pattern).occurs(in: text) == expected)
    }

    @Test func `case is ignored where that is asked for`() throws {
        #expect(try Pattern("^WWW[A-C]$", ignoringCase: true).occurs(in: "wwwb"))
        #expect(try !Pattern("^WWW$").occurs(in: "www"))
    }

    @Test(arguments: [
        "(", ")", "a)", "(a", "[", "[a", "[b-a]", "[\\W]", "[a-\\d]", "[[:alpha:]]", "*", "+a", "?",
        "a{2", "a{3,2}", "a{1001}", "\\", "\\b", "\\p", "\\1", "(?=a)", "(?P<n", "(?s)a",
        "(a{1000}){1000}", "((((a{9}){9}){9}){9}){9}",
    ])
    func `what is not understood is refused`(_ text: String) {
        #expect(throws: Pattern.Fault.self) { try Pattern(text) }
    }

    @Test func `groups nest to a bound`() throws {
        let deep = { String(repeating: "(", count: $0) + String(repeating: ")", count: $0) }
        _ = try Pattern(deep(60))
        #expect(throws: Pattern.Fault.self) { try Pattern(deep(5000)) }
    }

    @Test func `a pattern that is slow elsewhere is not slow here`() throws {
        let text = String(repeating: "a", count: 250)
        #expect(try !Pattern("^(a+)+$").occurs(in: text + "b"))
        #expect(try !Pattern("^(a|aa)+$").occurs(in: text + "b"))
        #expect(try !Pattern("(a?){200}a{250}b").occurs(in: text))
    }

    @Test func `no text traps`() {
        var chance = SplitMix64(seed: 9)
        let alphabet = Array("ab()[]{}*+?|^$\\.-,:19<>P!i\u{e9}")
        for _ in 0..<20_000 {
            let count = Int(chance.next() % 12)
            let text = String(
                (0..<count).map { _ in alphabet[Int(chance.next() % UInt64(alphabet.count))] })
            _ = try? Pattern(text).occurs(in: "ab-1")
        }
    }
}

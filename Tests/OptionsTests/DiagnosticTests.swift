import Options
import Testing

@Suite("Diagnostics")
struct DiagnosticTests {
    private func render(
        _ text: String, line: Int = 1, column: Int, visibility: SourceText.Visibility = .masked
    ) -> String {
        let source = SourceText(
            file: "test.yaml", bytes: Array(text.utf8), visibility: visibility)
        return Diagnostic(.error, at: place(line, column), "wrong").rendered(source: source)
    }

    @Test func `the line, a caret and the hint follow the message`() {
        let source = SourceText(file: "test.yaml", bytes: Array("a: 1\nlisen: x\n".utf8))
        let finding = Diagnostic(
            .error, at: place(2), "unknown key 'lisen'", hint: "did you mean 'listen'?")
        #expect(
            finding.rendered(source: source) == """
                test.yaml:2:1: error: unknown key 'lisen'
                    lisen: x
                    ^
                  hint: did you mean 'listen'?

                """)
    }

    @Test func `a finding without a place is one line`() {
        #expect(Diagnostic(.warning, at: nil, "w").rendered(source: nil) == "warning: w\n")
    }

    @Test func `tabs are kept so that the caret stays below its column`() {
        #expect(
            render("\ta\tb", column: 4) == "test.yaml:1:4: error: wrong\n    \ta\tb\n    \t \t^\n")
    }

    @Test func `a column behind the end of the line has its caret there`() {
        #expect(render("ab", column: 9) == "test.yaml:1:9: error: wrong\n    ab\n      ^\n")
    }

    @Test func `control characters do not reach the terminal`() {
        #expect(!render("a: \u{1b}[2J\u{9b}", column: 1).contains("\u{1b}"))
        #expect(!render("a: \u{1b}[2J\u{9b}", column: 1).contains("\u{9b}"))
    }

    @Test func `long lines are shown through a window`() {
        let text = render(
            String(repeating: "x", count: 500) + "!" + String(repeating: "y", count: 500),
            column: 501)
        let lines = text.split(separator: "\n")
        #expect(lines[1].count <= 170)
        #expect(lines[2].last == "^")
        #expect(Array(lines[1])[lines[2].count - 1] == "!")
    }

    static let secrets = [
        "password: hunter2", "    password:   hunter2", "\"password\":\"hunter2\"",
        "{username: alice, password: hunter2}", "{\"password\" : \"hunter2\", \"a\": 1}",
        "PassWord: 'hunter2'", "api.token: hunter2 # note", "-L http://u:hunter2@host:80",
        "socks5://u:hunter2@:1080?udp=true", "socks5://:1080?auth=hunter2&udp=true",
        "store: postgres://weir:hunter2@db/x", "auth: hunter2", "clientSecret: hunter2",
        "password: [hunter2]", "password: {x: hunter2}", "password: 'it''s hunter2'",
        "password: hunter2, and hunter2", "u:hunter2@:18080", "password: &p hunter2",
    ]

    @Test(arguments: secrets)
    func `secrets are masked`(line: String) {
        let text = render(line, column: 1)
        #expect(!text.contains("hunter"))
        #expect(text.contains("***"))
    }

    @Test(arguments: ["auth: {username: alice, password: hunter2}", "auth:", "name: tokenless"])
    func `what is no secret stays`(line: String) {
        #expect(render(line, column: 1).contains(line.prefix(14)))
    }

    @Test func `the caret moves with what was masked`() {
        #expect(
            render("{password: hunter2, x: 1}", column: 21)
                == """
                test.yaml:1:21: error: wrong
                    {password: ***, x: 1}
                                    ^

                """
        )
        #expect(
            render("{password: hunter2, x: 1}", column: 12)
                == "test.yaml:1:12: error: wrong\n    {password: ***, x: 1}\n               ^\n")
    }

    @Test func `secrets that a parser found are masked over lines`() {
        var source = SourceText(file: "test.yaml", bytes: Array("a: |\n  hun\n  ter2\nb: 1\n".utf8))
        source.mask(from: place(1, 4), upTo: place(4, 1))
        #expect(source.shown(line: 2, column: 1)?.line == "***")
        #expect(source.shown(line: 3, column: 1)?.line == "***")
        #expect(source.shown(line: 1, column: 1)?.line == "a: ***")
        #expect(source.shown(line: 4, column: 1)?.line == "b: 1")
        #expect(source.shown(line: 5, column: 1)?.line == "")
        #expect(source.shown(line: 6, column: 1) == nil)
    }

    @Test func `a line of a generated file is not searched for its secrets but left out`() {
        let text = String(repeating: "x", count: 20_000)
        #expect(render(text, column: 3) == "test.yaml:1:3: error: wrong\n")
    }

    @Test func `nothing of a hidden file is shown`() {
        #expect(
            render("alice hunter2", column: 1, visibility: .hidden)
                == "test.yaml:1:1: error: wrong\n")
    }

    @Test func `findings are sorted by place and said once`() {
        let one = Diagnostic(.error, at: place(2), "b")
        let other = Diagnostic(.error, at: Location(file: "a.yaml", line: 9, column: 1), "c")
        let none = Diagnostic(.error, at: nil, "a")
        let sorted = Diagnostic.sorted([one, other, one, none], files: ["test.yaml", "a.yaml"])
        #expect(sorted.map(\.message) == ["a", "b", "c"])
        #expect(Diagnostic.sorted([one, other]).map(\.message) == ["c", "b"])
    }

    @Test(arguments: [
        ("lisen", "listen"), ("handelr", "handler"), ("paswrod", "password"), ("Nmae", "name"),
    ])
    func `a slip of the fingers is recognised`(written: String, meant: String) {
        let words = ["listen", "handler", "password", "name", "udp"]
        #expect(Suggestion.closest(to: written, among: words) == meant)
    }

    @Test func `something else entirely is not`() {
        #expect(Suggestion.closest(to: "quota", among: ["listen", "handler"]) == nil)
    }
}

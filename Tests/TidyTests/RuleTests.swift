import Testing

@Suite("The rules find what they are for")
struct RuleTests {
    private func file(_ text: String, path: String = "Sources/Gateway/Codecs/X.swift") -> SourceFile
    {
        SourceFile(path: path, text: text)
    }

    @Test(arguments: [
        ("let a = 1 // Task {", "let a = 1          "),
        ("let a = \"Task {\"", "let a = \"      \""),
        ("let a = #\"say \"print(\" now\"#", "let a = #\"                \"#"),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("f(\"x \\(try! g(\"h\")) y\")", "f(\"    try! g(\" \")   \")"),
        ("let a = \"quote \\\" print(\"", "let a = \"               \""),
        ("let a = \"\"\"\n  print(\"x\")\n  \"\"\"", "let a = \"\"\"\n            \n  \"\"\""),
    ])
    func `comments and strings are blanked and code is kept`(text: String, code: String) {
        #expect(SourceScanner.codeLines(of: text).joined(separator: "\n") == code)
    }

    @Test func `a long file, function and line are found`() {
        let body = (0..<70).map { "    f(\($0))" }.joined(separator: "\n")
        let function = Rules.length(file("func f() {\n\(body)\n}\n"))
        #expect(function.map(\.line) == [1])
        #expect(Rules.length(file("func f() {\n}\n" + body)).isEmpty)
        let lines = Rules.length(file(String(repeating: "a\n", count: 401)))
        #expect(lines.map(\.message) == ["401 lines; at most 400, split by concern"])
        #expect(Rules.length(file(String(repeating: "a\n", count: 400))).isEmpty)
        #expect(Rules.length(file(String(repeating: "é", count: 101))).count == 1)
        #expect(Rules.length(file(String(repeating: "é", count: 100))).isEmpty)
    }

    @Test func `a function is measured from its keyword to its own closing brace`() {
        let text = """
            protocol P {
                func requirement() throws
                init(a: Int)
            }
            struct S {
                init(
                    a: [Int] = [1].map { $0 + 1 },
                    b: Int
                ) where A: B {
                    run { one }
                }
                @inlinable static func f() -> Int
                { 1 }
            }
            """
        let found = file(text).functions
        #expect(found.map(\.line) == [6, 12])
        #expect(found.map(\.lineCount) == [6, 2])
    }

    @Test(arguments: Rules.banned.map(\.word))
    func `a banned call is found`(word: String) {
        let text = "let a = \(word) x"
        #expect(Rules.calls(file(text)).contains { $0.message.contains("'\(word)'") })
        #expect(Rules.calls(file("// \(word)")).isEmpty)
        #expect(
            Rules.calls(file("let a = my\(word) x")).count { $0.message.contains("'\(word)'") } == 0
        )
    }

    @Test func `an exception holds for its path only`() {
        let rule = Rules.Banned(
            word: "print(", instead: "log", except: ["Sources/Gateway/CLI/": "output"])
        let text = "print(1)"
        #expect(Rules.calls(file(text), banned: [rule]).count == 1)
        let inside = file(text, path: "Sources/Gateway/CLI/Out.swift")
        #expect(Rules.calls(inside, banned: [rule]).isEmpty)
    }

    @Test(arguments: Rules.marks + Rules.foreign)
    func `marks and foreign places are found in comments too`(word: String) {
        #expect(Rules.words(path: "a", text: "x\n// see \(word): a").map(\.line) == [2])
    }

    @Test(arguments: [
        "package func f() {}", "public struct A {}", "    package var a: Int { 1 }",
        "public init(a: Int) {", "package static let a = 1", "public protocol P: Sendable {",
        "@usableFromInline package final class A {", "package private(set) var a = 1",
        "package class func f() {}",
    ])
    func `a missing comment is found`(line: String) {
        #expect(Rules.documentation(file(line)).count == 1)
        #expect(Rules.documentation(file("/// What it is for. ## Concurrency\n" + line)).isEmpty)
    }

    @Test(arguments: [
        "public import Model", "package init(a: Int) {", "package extension A {", "func f() {}",
        "var package = 1",
    ])
    func `what needs no comment is left alone`(line: String) {
        #expect(Rules.documentation(file(line)).isEmpty)
    }

    @Test func `what a protocol requires is explained there`() {
        let driver = file(
            "/// A kernel.\npackage protocol P {\n    func move(_ a: Int)\n}\nfunc f() {}")
        #expect(Rules.requirements(driver) == ["move"])
        let witness = file("package func move(_ a: Int) {}")
        #expect(Rules.documentation(witness, explained: ["move"]).isEmpty)
        #expect(Rules.documentation(witness, explained: ["other"]).count == 1)
    }

    @Test func `an empty comment and a reference type without owner are found`() {
        #expect(
            Rules.documentation(file("/// The byte count.\npackage func byteCount<T>() {")).count
                == 1)
        #expect(
            Rules.documentation(file("/// What is left.\npackage func byteCount<T>() {")).isEmpty)
        #expect(
            Rules.documentation(file("/// Keeps time.\npackage final class Clock {")).count == 1)
        let described =
            "/// Keeps time.\n///\n/// ## Concurrency\n/// Any.\npackage final class Clock {"
        #expect(Rules.documentation(file(described)).isEmpty)
    }

    private static let manifest = Manifest(
        text: """
            // area("Commented")
            func area(_ name: String) {}
            area("Model"),
            area(
                "Loop", uses: ["Model"]),
            area("Codecs", uses: ["Loop"]),
            plugin("WingMeter", uses: ["Storage"]),
            .executableTarget(name: "weir", dependencies: ["CLI", "WingMeter"], path: "Sources/W"),
            tests(of: "Loop", uses: ["Loop", "Model"]),
            """)

    @Test func `the manifest is read`() {
        let targets = Self.manifest.targets
        #expect(
            targets.map(\.name) == ["Model", "Loop", "Codecs", "WingMeter", "weir", "LoopTests"])
        #expect(
            Self.manifest.uses(of: "WingMeter") == ["PluginKit", "Options", "Model", "Storage"])
        #expect(Self.manifest.uses(of: "weir") == ["CLI", "WingMeter"])
        #expect(Self.manifest.uses(of: "Model") == [])
        #expect(Self.manifest.plugins == ["WingMeter"])
    }

    @Test func `an import that is not allowed is found`() {
        let text = "package import Model\nimport Foundation\nimport struct Loop.Timer\nimport Glibc"
        let inLoop = Rules.imports(
            file(text, path: "Sources/Gateway/Loop/X.swift"), manifest: Self.manifest)
        #expect(inLoop.map(\.line) == [2, 3, 4])
        let system = Rules.imports(
            file("import Glibc\nimport Dispatch", path: "Sources/Gateway/LinuxIO/X.swift"),
            manifest: Self.manifest)
        #expect(system.map(\.line) == [2])
    }

    @Test func `a dependency that points up is found`() {
        let found = Rules.directions(Self.manifest).map(\.message)
        #expect(
            found == [
                "Codecs uses Loop, which stands above it",
                "Codecs reaches Loop, which it must not know",
            ])
    }
}

import Testing

@Suite("The source, as the house wants it")
struct TidyTests {
    private static let all = Repository.sources + Repository.tests
    private let manifest = Manifest(text: Repository.text("Package.swift"))

    @Test func `the sources are found`() {
        #expect(Repository.sources.count > 40)
        #expect(manifest.targets.count > 30)
        #expect(Repository.sources.allSatisfy { !$0.lines.isEmpty })
    }

    @Test func `files, functions and lines are short`() {
        let found = Self.all.flatMap(Rules.length)
        #expect(found.isEmpty, "\(found.report)")
    }

    @Test func `an area imports only what the manifest allows`() {
        let found = Repository.sources.flatMap { Rules.imports($0, manifest: manifest) }
        #expect(found.isEmpty, "\(found.report)")
    }

    @Test func `dependencies point down`() {
        let found = Rules.directions(manifest)
        #expect(found.isEmpty, "\(found.report)")
    }

    @Test func `every area of the manifest is in the diagram's table`() {
        let order = Set(Rules.layers.flatMap { $0 })
        let areas = Set(Repository.folders(in: "Sources/Gateway")).subtracting(["Weir"])
        #expect(areas.subtracting(order).isEmpty)
        #expect(order.subtracting(areas).isEmpty)
    }

    @Test func `every declared dependency is imported by somebody`() {
        var found: [String] = []
        for (name, uses) in manifest.targets {
            let files = Repository.sources.filter {
                $0.area == name || ($0.area == "Weir" && name == "weir")
            }
            guard !files.isEmpty else { continue }
            let imported = Set(files.flatMap { $0.imports.map(\.module) })
            // plugin(…) gives every plugin the whole of the plugin interface.
            let given: Set =
                manifest.plugins.contains(name) ? ["PluginKit", "Options", "Model"] : []
            let idle = Set(uses).subtracting(imported).subtracting(given).sorted()
            found += idle.map { "\(name) declares \($0) and never imports it" }
        }
        #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    }

    @Test func `banned calls stand nowhere but where the list says why`() {
        let found = Repository.sources.flatMap { Rules.calls($0) }
        #expect(found.isEmpty, "\(found.report)")
    }

    @Test func `every exception is still needed`() {
        let exceptions = Set(Rules.banned.flatMap(\.except.keys))
        for exception in exceptions {
            let words = Rules.banned.filter { $0.except.keys.contains(exception) }.map(\.word)
            let isNeeded = Repository.sources.contains { file in
                Rules.Banned.covers(exception, file.path)
                    && file.code.contains { line in
                        words.contains { Rules.contains(line, word: $0) }
                    }
            }
            #expect(isNeeded, "nothing in \(exception) needs its exception")
        }
    }

    @Test func `declarations for other modules are documented`() {
        let explained = Set(Repository.sources.flatMap(Rules.requirements))
        let found = Repository.sources.flatMap { Rules.documentation($0, explained: explained) }
        #expect(found.isEmpty, "\(found.report)")
    }

    @Test func `nothing is unfinished and nothing names a foreign place`() {
        let paths =
            ["Sources", "Tests", "examples", ".ci"].flatMap(Repository.files)
            + ["Package.swift", "Makefile", "README.md", "plugins.yaml"]
        let found = paths.flatMap { Rules.words(path: $0, text: Repository.text($0)) }
        #expect(found.isEmpty, "\(found.report)")
    }

    @Test func `no file is a placeholder`() {
        let empty = Self.all.filter { file in
            let isMain = file.name == "Package.swift"
            let statements = file.code.filter { $0.contains { $0 != " " } }
            return !isMain && (file.name == "Placeholder.swift" || statements.isEmpty)
        }.map(\.path).filter { !$0.hasSuffix("Rules.swift") }
        #expect(empty.isEmpty, "\(empty.joined(separator: "\n"))")
    }
}

import Testing

@Suite("Lists that stand in two places agree")
struct ListTests {
    private let manifest = Manifest(text: Repository.text("Package.swift"))

    @Test func `plugins in the folder, the manifest and the binary's table`() {
        let folders = Repository.folders(in: "Sources/Plugins")
        #expect(manifest.plugins.sorted() == folders)

        let table = Repository.sources.first { $0.name == "CompiledPlugins.swift" }
        let imported = Set(table?.imports.map(\.module) ?? [])
        #expect(imported.intersection(folders).sorted() == folders)
        for plugin in folders {
            #expect(manifest.uses(of: "weir")?.contains(plugin) == true)
        }
    }

    @Test func `every target has its folder, and every folder its target`() {
        let targets = Set(manifest.targets.map(\.name))
        let sources =
            Repository.folders(in: "Sources/Gateway").map { $0 == "Weir" ? "weir" : $0 }
            + Repository.folders(in: "Sources/Plugins")
        #expect(Set(sources).subtracting(targets).isEmpty)
        let tests = Repository.folders(in: "Tests").filter { $0.hasSuffix("Tests") }
        #expect(Set(tests).subtracting(targets).isEmpty)
    }

    @Test func `every example is used by a test`() {
        let examples = Repository.files(below: "examples").filter { $0.hasSuffix(".yaml") }
        let readers =
            Repository.tests.filter { $0.area != "TidyTests" }.map { $0.lines.joined() }
            + Repository.files(below: "Tests").filter { $0.hasSuffix(".py") }.map(Repository.text)
            + [Repository.text(".ci/hello")]
        for path in examples + ["plugins.yaml"] {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            #expect(readers.contains { $0.contains(name) }, "\(path) is loaded by no test")
        }
    }

    /// The headers whose shims are what `IODriver` knows.
    private static let socketHeaders = ["sockets.h", "datagrams.h", "readiness.h"]

    @Test func `socket calls are made by the driver and by nobody else`() {
        let headers = Repository.files(below: "Sources/Gateway/CLinux/include")
        #expect(!headers.isEmpty)
        for header in headers {
            let isOfSockets = Self.socketHeaders.contains { header.hasSuffix("/\($0)") }
            let declared = Set(Self.functions(in: Repository.text(header)))
            var called: Set<String> = []
            for file in Repository.sources {
                let shims = declared.intersection(file.code.flatMap(Self.shims))
                let special = isOfSockets ? shims.subtracting(Exceptions.plainShims.keys) : []
                let isDriver = file.name.hasPrefix("EpollDriver")
                #expect(shims.isEmpty || file.area == "LinuxIO", "\(file.path) calls \(shims)")
                #expect(special.isEmpty || isDriver, "\(file.path) calls \(special.sorted())")
                called.formUnion(shims)
            }
            let idle = declared.subtracting(called).sorted()
            #expect(idle.isEmpty, "\(header) declares what nobody calls")
        }
    }

    @Test func `packages of the libraries are the ones that set-up installs`() {
        let packages = Repository.text(".ci/packages")
        let text = Repository.text("Package.swift")
        let named = text.split(separator: "\"").map(String.init).filter {
            $0.hasPrefix("lib") && $0.hasSuffix("-dev")
        }
        #expect(!named.isEmpty)
        for name in named { #expect(packages.contains("  \(name)"), "\(name)") }
    }

    /// Shims that a header declares as functions, not its types.
    private static func functions(in header: String) -> [String] {
        header.split(separator: "(").dropLast().compactMap { before in
            shims(in: String(before)).last.flatMap { before.hasSuffix($0) ? $0 : nil }
        }
    }

    /// Words that start with the shims' prefix.
    private static func shims(in text: String) -> [String] {
        text.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
            .filter { $0.hasPrefix("weir_") }.map(String.init)
    }
}

import Configuration
import Options
import Testing

@Suite("Configuration, files and their order")
struct SourcesTests {
    private let service = #"{ name: s, addr: "127.0.0.1:1080", handler: { type: socks5 } }"#

    private func load(_ names: [String], _ contents: [String: String]) -> LoadedConfiguration {
        var request = ConfigurationRequest()
        request.files = names
        return Configuration.load(request, readingWith: files(contents))
    }

    @Test func `lists of several files are joined and of the rest the later wins`() {
        let loaded = load(
            ["a.yml", "b.yml"],
            [
                "a.yml": "services: [ \(service) ]\nlog: { level: debug, output: stdout }\n",
                "b.yml": """
                Services:
                  name: t
                  addr: 127.0.0.1:1081
                  handler: { type: socks5 }
                LOG: { level: warn }
                weir: { loops: 2 }
                """,
            ])
        #expect(loaded.renderedDiagnostics == "")
        #expect(loaded.options.services.map(\.name.value) == ["s", "t"])
        #expect(loaded.options.log.level == "warn")
        #expect(loaded.options.log.output == .standardError)
        #expect(loaded.options.runtime.loops == 2)
        #expect(loaded.files == ["a.yml", "b.yml"])
    }

    @Test func `mistakes of all files are said, also of what is replaced`() {
        let loaded = load(
            ["b.yml", "a.yml", "c.yml", "d.yml"],
            [
                "a.yml": "services: [ 1 ]\nlog: { levle: debug }\n",
                "b.yml": "services: [ \(service), { name: s } ]\n\nlog: { level: warm }\n",
                "d.yml": "log: { level: warn }\nbroken: [\n",
            ])
        #expect(
            loaded.diagnostics.map { "\($0.location?.description ?? "-"): \($0.message)" } == [
                "-: cannot read 'c.yml': No such file or directory",
                "b.yml:1:77: an entry of 'services' has no 'addr'",
                "b.yml:1:77: an entry of 'services' has no 'handler'",
                "b.yml:3:15: 'level' must be one of:"
                    + " trace, debug, info, warn, warning, error, fatal",
                "a.yml:1:13: 'services' must be a list of mappings, not of text",
                "a.yml:2:8: unknown key 'levle' in 'log'",
                "d.yml:3:1: did not find expected node content",
            ])
    }

    @Test func `standard input and inline JSON are files too`() {
        let loaded = load(
            ["-", #"{"log": {"level": "debug"}}"#, #"{"log": {"lvl": 1}}"#],
            ["-": "services: [ \(service) ]"])
        #expect(
            loaded.renderedDiagnostics == """
                -C (3):1:10: error: unknown key 'lvl' in 'log'
                    {"log": {"lvl": 1}}
                             ^
                  hint: known keys: format, level, output, rotation

                """)
        #expect(loaded.options.services.count == 1)
    }

    @Test(arguments: ["http://example.com/gost.yml", "HTTPS://u:hunter2@example.com/gost.yml"])
    func `URLs are refused`(url: String) {
        let loaded = load([url], [:])
        #expect(loaded.isRefused)
        #expect(loaded.diagnostics[0].message == "a configuration cannot be read from a URL yet")
        #expect(!loaded.renderedDiagnostics.contains("hunter2"))
    }

    @Test(arguments: [
        "/etc/gost/gost.yml", "/etc/gost/gost.json", "/home/me/.gost/gost.yaml", "./gost.yml",
    ])
    func `without arguments gost's places are searched`(path: String) {
        var request = ConfigurationRequest()
        request.home = "/home/me"
        let loaded = Configuration.load(
            request, readingWith: files([path: "services: [ \(service) ]"]))
        #expect(loaded.renderedDiagnostics == "")
        #expect(loaded.files == [path])
    }

    @Test func `the first place that cannot be read stops the search`() {
        let loaded = Configuration.load(
            ConfigurationRequest(),
            readingWith: { (path) throws(FileFault) in
                throw FileFault(
                    isAbsent: path != "/etc/gost/gost.yaml", reason: "Permission denied")
            })
        #expect(
            loaded.diagnostics.map(\.message) == [
                "cannot read '/etc/gost/gost.yaml': Permission denied"
            ])
    }

    @Test func `nothing at all is an error with a way out`() {
        let loaded = Configuration.load(ConfigurationRequest(), readingWith: noFiles)
        #expect(loaded.isRefused)
        #expect(loaded.diagnostics[0].hint?.contains("-C") == true)
    }

    @Test(
        arguments: [
            ([0x61, 0x3a, 0x20, 0xff], "f:1:4", "this is not UTF-8 text"),
            ([0xff, 0xfe, 0x61, 0x00], "f:1:1", "this is not UTF-8 text"),
            (
                [0x61, 0x0a, 0x62, 0x00], "f:2:2",
                "the character U+0000 cannot stand in a configuration file"
            ),
            ([0x61, 0x1b], "f:1:2", "the character U+001B cannot stand in a configuration file"),
        ] as [([UInt8], String, String)])
    func `bytes that are no text are located`(bytes: [UInt8], place: String, message: String) {
        let loaded = Configuration.load(bytes: bytes, file: "f")
        #expect(loaded.diagnostics.first?.message == message)
        #expect(loaded.diagnostics.first?.location?.description == place)
    }

    @Test func `a byte order mark is no text`() {
        let bytes: [UInt8] = [0xef, 0xbb, 0xbf] + Array("servics: []".utf8)
        #expect(
            Configuration.load(bytes: bytes, file: "f").renderedDiagnostics == """
                f:1:1: error: unknown key 'servics'
                    servics: []
                    ^
                  hint: did you mean 'services'?

                """)
    }

    @Test func `findings of later stages are sorted in`() {
        let loaded = load(["a.yml"], ["a.yml": "plugins: [ { guid: g, type: t } ]\nx-a: 1\n"])
        let more = Diagnostic(
            .error, at: Location(file: "a.yml", line: 1, column: 1), "from a plugin")
        #expect(!loaded.isRefused)
        #expect(loaded.adding([more]).isRefused)
        #expect(loaded.adding([more]).diagnostics.map(\.message).contains("from a plugin"))
    }
}

import CLI
import Configuration
import Testing

@Suite("The words behind weir")
struct CommandLineArgumentsTests {
    private typealias Arguments = CommandLineArguments

    private func read(_ words: String...) throws -> Arguments {
        try Arguments(words, pluginCommands: ["usage"])
    }

    private func fault(_ words: String...) -> String? {
        do throws(Arguments.Fault) {
            _ = try Arguments(words, pluginCommands: ["usage"])
            return nil
        } catch {
            return error.message
        }
    }

    @Test func `gost's flags are read, repeated ones in order`() throws {
        let words = try read(
            "-C", "a.yml", "-C", "b.yml", "-L", "socks5://:1", "-F", "http://h:2", "-D")
        #expect(words.action == .run)
        #expect(words.request.files == ["a.yml", "b.yml"])
        #expect(words.request.services == ["socks5://:1"])
        #expect(words.request.nodes == ["http://h:2"])
        #expect(words.request.debugLevel == 1)
    }

    @Test func `one dash or two, and a value behind an equals sign, are the same`() throws {
        let words = try read("--C=a.yml", "-L=http://:8080?x=1", "--lenient", "-DD")
        #expect(words.request.files == ["a.yml"])
        #expect(words.request.services == ["http://:8080?x=1"])
        #expect(words.request.isLenient)
        #expect(words.request.debugLevel == 2)
    }

    @Test(
        "flags and commands choose what is done",
        arguments: [
            (["-V"], Action.version), (["version"], .version), (["help"], .help),
            (["check", "-C", "x"], .check), (["hash"], .hash),
            (["-O", "yaml"], .printConfiguration(asJSON: false)),
            (["-O", "JSON"], .printConfiguration(asJSON: true)),
        ] as [([String], Action)])
    func actions(_ words: [String], _ action: Action) throws {
        #expect(try Arguments(words, pluginCommands: []).action == action)
    }

    typealias Action = CommandLineArguments.Action

    @Test func `a plugin's command keeps its own words, the configuration file apart`() throws {
        let words = try read("usage", "--by", "user", "-C", "a.yml", "--top=3")
        #expect(
            words.action == .plugin(name: "usage", arguments: ["--by", "user", "--top=3"]))
        #expect(words.request.files == ["a.yml"])
    }

    @Test func `a dash alone is standard input for -C`() throws {
        #expect(try read("-C", "-").request.files == ["-"])
    }

    @Test func `how often to reload is a time of a second or more`() throws {
        #expect(try read("-C", "a", "-R", "1m30s").reloadEvery == .seconds(90))
        #expect(try read("-R=1s").reloadEvery == .seconds(1))
        #expect(try read("-C", "a").reloadEvery == nil)
        for text in ["500ms", "soon", "-1s", "0"] {
            #expect(
                fault("-R", text)
                    == "-R takes a time of at least a second, such as 30s or 5m")
        }
    }

    @Test func `what makes no sense is said with what would`() {
        #expect(
            fault("usages")
                == "unknown command 'usages'; there are check, hash, help, usage, version")
        #expect(fault("-C") == "-C needs a value")
        #expect(fault("-x") == "unknown flag '-x'; see weir help")
        #expect(fault("-O", "toml") == "-O takes yaml or json")
        #expect(fault("-C", "a.yml", "b.yml") == "'b.yml' is no flag; a file is given with -C")
    }
}

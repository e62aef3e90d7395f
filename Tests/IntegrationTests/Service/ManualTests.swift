import Foundation
import Testing

/// Manual pages and completions say what the binary says.
@Suite("Manual pages and completions", .ownThread)
struct ManualTests {
    private static let folderOfPages = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Packaging").path(percentEncoded: false)
    private static let bash = folderOfPages + "/completions/weir.bash"
    private static let zsh = folderOfPages + "/completions/_weir"
    private static let fish = folderOfPages + "/completions/weir.fish"

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: ["weir.8", "weir.yaml.5"])
    func `a page has no fault`(page: String) throws {
        let path = Self.folderOfPages + "/" + page
        let lint = try run(["mandoc", "-T", "lint", "-W", "warning", path], in: folder)
        #expect(lint.isSuccess && lint.output.isEmpty, "\(lint)")
        let shown = try run(["mandoc", "-T", "utf8", path], in: folder)
        #expect(shown.isSuccess && shown.output.count > 1000, "\(shown)")
    }

    /// The words of a help text that begin with a dash, one per option.
    private func flags(_ words: [String]) throws -> Set<String> {
        let help = try Gateway.command(words, in: folder).output
        let words = help.split { " ,|[]()\n;:".contains($0) }.map(String.init)
        return Set(
            words.filter { $0.hasPrefix("-") && $0.drop { $0 == "-" }.first?.isLetter == true })
    }

    private func commands() throws -> [String] {
        try Gateway.command(["help"], in: folder).output.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            guard words.count > 4, words[..<3] == ["", "", "weir"], words[4].isEmpty else {
                return nil
            }
            return words[3].isEmpty || words[3].hasPrefix("-") ? nil : String(words[3])
        }
    }

    @Test func `the page and the completions have every command and flag of the help text`() throws
    {
        let page = readText(Self.folderOfPages + "/weir.8")
        let (flags, commands) = (try flags(["help"]), try commands())
        try #require(flags.count >= 6 && commands.count >= 3, "\(flags) \(commands)")
        for flag in flags where flag != "--help" {
            let macro = String(flag.dropFirst())
            let isThere = page.contains("Fl \(macro)\n") || page.contains("Fl \(macro) ")
            #expect(isThere, "weir.8 lacks \(flag)")
        }
        for command in commands { #expect(page.contains(".It Cm \(command)\n"), "\(command)") }
        for path in [Self.bash, Self.zsh, Self.fish] {
            let text = readText(path)
            for command in commands { #expect(text.contains(command), "\(path): \(command)") }
        }
        let bash = readText(Self.bash)
        for flag in flags.union(try self.flags(["usage", "--help"])) {
            #expect(bash.split { " '\n".contains($0) }.contains(Substring(flag)), "\(flag)")
        }
    }

    @Test func `zsh and fish read their completions`() throws {
        let zsh = try run(["zsh", "-n", Self.zsh], in: folder)
        #expect(zsh.isSuccess && zsh.errors.isEmpty, "\(zsh)")
        let fish = try run(["fish", "--no-execute", Self.fish], in: folder)
        #expect(fish.isSuccess && fish.errors.isEmpty, "\(fish)")
        let offered = try run(
            ["fish", "-c", "source \(Self.fish); complete -C 'weir usage --by da'"], in: folder,
            environment: ["HOME": folder.root])
        #expect(offered.output.contains("day"), "\(offered)")
    }

    @Test(arguments: [
        (["weir", ""], ["check", "hash", "help", "usage", "version"]),
        (["weir", "u"], ["usage"]),
        (["weir", "-O", ""], ["yaml", "json"]),
        (["weir", "-C", "gate"], ["gateway.yaml"]),
        (["weir", "check", "--l"], ["--lenient"]),
        (["weir", "usage", "--j"], ["--json"]),
        (["weir", "usage", "--by", "d"], ["destination", "day"]),
        (["weir", "usage", "--by", "user,d"], ["user,destination", "user,day"]),
        (["weir", "usage", "--top", ""], []),
        (["weir", "hash", ""], []),
    ])
    func `bash offers what fits`(words: [String], offers: [String]) throws {
        try folder.write("", to: "gateway.yaml")
        let list = words.map { "'\($0)'" }.joined(separator: " ")
        let script = """
            set -eu
            source '\(Self.bash)'
            COMP_WORDS=(\(list)) COMP_CWORD=\(words.count - 1)
            _weir
            for word in "${COMPREPLY[@]}"; do echo "$word"; done
            """
        let result = try run(["bash", "-c", script], in: folder)
        #expect(result.isSuccess, "\(result)")
        #expect(result.output.split(separator: "\n").map(String.init) == offers)
    }
}

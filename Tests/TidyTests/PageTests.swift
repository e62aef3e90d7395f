import Foundation
import Testing

@Suite("Pages that repeat the source agree with it")
struct PageTests {
    private static let areas = "Sources/Gateway"

    /// `UPDATE_GOLDEN=1` writes the page's tables anew.
    @Test func `the page of limits has every bound, its number and its reason`() throws {
        let path = "\(Self.areas)/Assembly/Assembly.docc/Limits.md"
        let page = Repository.text(path)
        let start = try #require(page.range(of: "## Loop\n"))
        let end = try #require(page.range(of: "\n## Bounds of one area\n"))
        let shown = page[start.lowerBound..<end.lowerBound]
        let tables = Self.tables(of: Repository.text("\(Self.areas)/Model/Limits.swift"))
        #expect(tables.split(separator: "\n").count > 60)
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            let text = page.replacingCharacters(
                in: start.lowerBound..<end.lowerBound, with: tables)
            try text.write(
                to: Repository.root.appending(path: path), atomically: true, encoding: .utf8)
        }
        #expect(shown == tables)
    }

    @Test func `the page of the turn has the steps of the code, in its order`() {
        let page = Repository.text("\(Self.areas)/Loop/Loop.docc/TheTurn.md")
        let steps = Repository.text("\(Self.areas)/Loop/EventLoop.swift")
            .split(separator: "\n").map { $0.drop { $0 == "/" || $0 == " " } }
            .filter { $0.first?.isNumber == true && $0.dropFirst().hasPrefix(". ") }
        #expect(steps.count >= 7)
        #expect(page.contains("\n" + steps.joined(separator: "\n") + "\n"))
    }

    @Test func `the read-me shows every area and every plugin`() {
        let page = Repository.text("README.md")
        for area in Repository.folders(in: Self.areas) {
            #expect(page.contains("\(area)/"), "\(area)")
        }
        for plugin in Repository.folders(in: "Sources/Plugins") {
            #expect(page.contains(plugin), "\(plugin)")
        }
    }

    @Test func `links of the read-me lead somewhere`() {
        let targets = Repository.text("README.md").split(separator: "](").dropFirst()
            .compactMap { $0.split(separator: ")").first.map(String.init) }
            .filter { !$0.contains("://") }
        #expect(!targets.isEmpty)
        for target in targets {
            let isFolder = !Repository.files(below: target).isEmpty
            #expect(isFolder || !Repository.text(target).isEmpty, "\(target)")
        }
    }

    /// A heading per mark and a row per constant: name, value with a cross for a star, its
    /// documentation in one line.
    private static func tables(of source: String) -> String {
        var (text, comment): (String, [String]) = ("", [])
        for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
            let code = line.drop { $0 == " " }
            let words = code.split(separator: " ", maxSplits: 5).map(String.init)
            if code.hasPrefix("// MARK: ") {
                let heading = "## \(code.dropFirst(9))\n\n"
                text += (text.isEmpty ? "" : "\n") + heading
                text += "| name | value | what and why |\n|---|---|---|\n"
                comment = []
            } else if code.hasPrefix("/// ") {
                comment.append(String(code.dropFirst(4)))
            } else if words.count == 6, words[...2] == ["public", "static", "let"] {
                let value = words[5].replacing("*", with: "×")
                text += "| `\(words[3])` | \(value) | \(comment.joined(separator: " ")) |\n"
                comment = []
            } else {
                comment = []
            }
        }
        return text
    }
}

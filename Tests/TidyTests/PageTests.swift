import Testing

@Suite("Pages that repeat the source agree with it")
struct PageTests {
    private static let areas = "Sources/Gateway"

    @Test func `the page of limits has every bound, its number and its reason`() {
        let page = Repository.text("\(Self.areas)/Assembly/Assembly.docc/Limits.md")
            .split(separator: "\n").map(String.init)
        let rows = Self.bounds(of: Repository.text("\(Self.areas)/Model/Limits.swift"))
        #expect(rows.count > 30)
        for row in rows { #expect(page.contains(row), "missing: \(row)") }
        let others = page.drop { !$0.hasPrefix("| `") }.prefix {
            !$0.hasPrefix("## Bounds of one area")
        }
        let stale = others.filter { $0.hasPrefix("| `") && !rows.contains($0) }
        #expect(stale.isEmpty, "no longer in the source: \(stale)")
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

    /// A row per constant: name, value with a cross for a star, its documentation in one line.
    private static func bounds(of source: String) -> [String] {
        var (rows, comment): ([String], [String]) = ([], [])
        for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
            let text = line.drop { $0 == " " }
            let words = text.split(separator: " ", maxSplits: 5).map(String.init)
            if text.hasPrefix("/// ") {
                comment.append(String(text.dropFirst(4)))
            } else if words.count == 6, words[...2] == ["public", "static", "let"] {
                let value = words[5].replacing("*", with: "×")
                let reason = comment.joined(separator: " ")
                rows.append("| `\(words[3])` | \(value) | \(reason) |")
                comment = []
            } else {
                comment = []
            }
        }
        return rows
    }
}

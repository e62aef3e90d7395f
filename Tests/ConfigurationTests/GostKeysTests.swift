import Configuration
import Foundation
import Options
import Testing

/// One key of gost, and what is said of it.
struct GostKey: CustomTestStringConvertible, Sendable {
    enum State: String {
        case works
        case differs
        case notYet = "not yet"
    }

    let part: String
    /// A file with a place for the key.
    let file: String
    /// The key and its other names.
    let names: [String]
    let value: String
    let state: State
    let note: String

    var testDescription: String { "\(part): \(names.joined(separator: ", "))" }

    static let all: [GostKey] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/gost-keys.txt")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.components(separatedBy: "\n## ").dropFirst().flatMap(Self.read)
    }()

    private static func read(_ text: String) -> [GostKey] {
        let halves = text.components(separatedBy: "\n--\n")
        guard halves.count == 2, let end = halves[0].firstIndex(of: "\n") else {
            Issue.record("a part without a file: \(text.prefix(40))")
            return []
        }
        let part = String(halves[0][..<end])
        return halves[1].split(separator: "\n").compactMap { line in
            let columns = line.components(separatedBy: " | ")
            guard let key = columns[0].range(of: ": "), columns.count >= 2,
                let state = State(rawValue: columns[1])
            else {
                Issue.record("no row: \(line)")
                return nil
            }
            return GostKey(
                part: part, file: String(halves[0][end...]),
                names: columns[0][..<key.lowerBound].components(separatedBy: ", "),
                value: String(columns[0][key.upperBound...]), state: state,
                note: columns.count > 2 ? columns[2] : "")
        }
    }

    /// The file with the key in it under one of its names.
    func file(naming name: String) -> String {
        guard name.hasPrefix("metadata.") else {
            return file.replacing("KEY", with: "\(name): \(value)")
        }
        return file.replacing(
            "KEY", with: "metadata: { \(name.dropFirst("metadata.".count)): \(value) }")
    }
}

@Suite("Keys of gost")
struct GostKeysTests {
    /// What is said of a file, without the places, which move with the key.
    private func findings(_ text: String) -> [String] {
        let nodes = "- name: m\n  addr: 192.0.2.1:1080\n"
        return Configuration.load(
            bytes: Array(text.utf8), file: "gost.yaml",
            readingWith: files(["/dev/null": "", "nodes.yaml": nodes])
        ).diagnostics.map(\.message)
    }

    @Test(arguments: GostKey.all)
    func `what the page says of a key is so`(key: GostKey) {
        let before = Set(findings(key.file.replacing("KEY", with: "")))
        for name in key.names {
            let said = findings(key.file(naming: name)).filter { !before.contains($0) }
            switch key.state {
            case .works:
                #expect(said.isEmpty, "\(name)")
            case .differs:
                #expect(!key.note.isEmpty, "\(name): how it differs is not said")
            case .notYet:
                #expect(said.contains { $0.contains("available yet") }, "\(name): \(said)")
            }
            #expect(!said.contains { $0.contains("unknown key") }, "\(name)")
        }
    }

    /// `UPDATE_GOLDEN=1` writes the page's tables anew.
    @Test func `the page has every key`() throws {
        #expect(GostKey.all.count > 150)
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/Gateway/Assembly/Assembly.docc/GostKeys.md")
        let page = try String(contentsOf: path, encoding: .utf8)
        let start = try #require(page.range(of: "\n## The file\n")).lowerBound
        let tables = Self.tables
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            try (page[..<start] + tables).write(to: path, atomically: true, encoding: .utf8)
        }
        #expect(page[start...] == tables)
    }

    private static var tables: String {
        var (text, part) = ("", "")
        for key in GostKey.all {
            if key.part != part {
                part = key.part
                text += "\n## \(part)\n\n| key | state | how |\n|---|---|---|\n"
            }
            let names = key.names.map { "`\($0)`" }.joined(separator: ", ")
            text += "| \(names) | \(key.state.rawValue) | \(key.note) |\n"
        }
        return text
    }
}

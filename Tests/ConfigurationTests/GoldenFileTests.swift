import Configuration
import Foundation
import Testing

/// A file of `Fixtures`: a configuration, further files, and what comes of them.
///
/// The parts are separated by lines of ten dashes; a name behind the dashes makes the part a file
/// that the configuration can name. The last part is what is expected: the findings as they are
/// shown, and the options unless they are refused. `UPDATE_GOLDEN=1` writes it anew. A first line
/// `# lenient` loads with `--lenient`.
struct GoldenFile: CustomTestStringConvertible {
    let url: URL
    var testDescription: String { url.deletingPathExtension().lastPathComponent }

    static let all: [GoldenFile] = {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures")
        let urls = try? FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil)
        return (urls ?? []).filter { $0.pathExtension == "yamltest" }
            .sorted { $0.path < $1.path }.map { GoldenFile(url: $0) }
    }()

    /// The text up to the expectation, and the expectation.
    func parts() throws -> (input: String, expected: String) {
        let text = try String(contentsOf: url, encoding: .utf8)
        guard let range = text.range(of: "\n----------\n", options: .backwards) else {
            return (text, "")
        }
        return (String(text[..<range.lowerBound]) + "\n", String(text[range.upperBound...]))
    }

    /// The configuration, and the other files by name.
    static func files(in input: String) -> (main: String, others: [String: [UInt8]]) {
        var (main, name, others): (String, String?, [String: String]) = ("", nil, [:])
        for line in input.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if line.hasPrefix("---------- ") {
                let named = String(line.dropFirst(11))
                others[named] = ""
                name = named
            } else if let name {
                others[name, default: ""] += line + "\n"
            } else {
                main += line + "\n"
            }
        }
        return (main, others.mapValues { Array($0.utf8) })
    }
}

@Suite("Configuration, golden files")
struct GoldenFileTests {
    @Test(arguments: GoldenFile.all)
    func `a file loads to what is written below it`(file: GoldenFile) throws {
        let (input, expected) = try file.parts()
        let (main, others) = GoldenFile.files(in: input)
        let loaded = Configuration.load(
            bytes: Array(main.utf8), file: "test.yaml", isLenient: main.hasPrefix("# lenient\n"),
            readingWith: { (path) throws(FileFault) in
                guard let bytes = others[path] else { throw FileFault.noSuchFile }
                return bytes
            })
        let actual =
            loaded.renderedDiagnostics + (loaded.isRefused ? "" : loaded.options.described)
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            try (input + "----------\n" + actual)
                .write(to: file.url, atomically: true, encoding: .utf8)
        } else {
            #expect(actual == expected)
        }
        guard !loaded.isRefused else { return }
        // What is written loads to the same options.
        for text in [loaded.yaml, loaded.json] {
            let again = Configuration.load(
                bytes: Array(text.utf8), file: "again", isLenient: main.hasPrefix("# lenient\n"),
                readingWith: { (path) throws(FileFault) in
                    guard let bytes = others[path] else { throw FileFault.noSuchFile }
                    return bytes
                })
            let described = again.options.described.replacing(#/ at \d+\n/#, with: "\n")
            #expect(described == loaded.options.described.replacing(#/ at \d+\n/#, with: "\n"))
        }
    }

    @Test func `there are golden files`() {
        #expect(GoldenFile.all.count > 20)
    }
}

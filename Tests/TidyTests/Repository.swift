import Foundation

/// The checkout that the tests were compiled from.
enum Repository {
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The text of a file; a file that cannot be read is empty, which no rule accepts silently.
    static func text(_ path: String) -> String {
        (try? String(contentsOf: root.appending(path: path), encoding: .utf8)) ?? ""
    }

    /// Paths below a folder, sorted. Hidden and built files are left out.
    static func files(below folder: String) -> [String] {
        let base = root.appending(path: folder).path(percentEncoded: false)
        let all = (try? FileManager.default.subpathsOfDirectory(atPath: base)) ?? []
        return all.map { "\(folder)/\($0)" }.sorted().filter { path in
            var isFolder: ObjCBool = false
            let full = root.appending(path: path).path(percentEncoded: false)
            let isHidden = path.split(separator: "/").dropFirst().contains { $0.hasPrefix(".") }
            return !isHidden && !path.contains("__pycache__")
                && FileManager.default.fileExists(atPath: full, isDirectory: &isFolder)
                && !isFolder.boolValue
        }
    }

    /// Names of the folders directly inside a folder.
    static func folders(in folder: String) -> [String] {
        Set(
            files(below: folder).compactMap { path -> String? in
                let rest = path.dropFirst(folder.count + 1).split(separator: "/")
                return rest.count > 1 ? String(rest[0]) : nil
            }
        ).sorted()
    }

    /// Every Swift file of the product.
    static let sources = swift(below: "Sources")
    /// Every Swift file of the tests, this target included.
    static let tests = swift(below: "Tests")

    private static func swift(below folder: String) -> [SourceFile] {
        files(below: folder).filter { $0.hasSuffix(".swift") }.map {
            SourceFile(path: $0, text: text($0))
        }
    }
}

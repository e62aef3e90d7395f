import Foundation
import Glibc

/// A folder that lives as long as its owner.
///
/// ## Concurrency
/// Used by the thread of one test.
final class TemporaryFolder {
    let root: String
    private var number = 0

    init() throws {
        var template = Array("/tmp/weir-it-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw HarnessFailure("cannot make a folder") }
        root = template.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { String(cString: $0) } ?? ""
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    /// The path of an entry.
    func path(_ name: String) -> String { root + "/" + name }

    /// Writes a file and gives its path.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let path = path(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Writes a file of bytes and gives its path.
    @discardableResult
    func write(_ bytes: [UInt8], to name: String) throws -> String {
        let path = path(name)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// A number not given before, for names of files.
    func nextNumber() -> Int {
        number += 1
        return number
    }
}

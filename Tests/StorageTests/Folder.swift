import FoundationEssentials
import Glibc

/// A folder of its own, removed with everything in it when the test lets go of it.
final class Folder: Sendable {
    let path: String

    init() {
        path = "/tmp/weir-storage-\(UInt64.random(in: 0 ... .max))"
        mkdir(path, 0o700)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { print("left: \(path)") }
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// A file's bytes; empty where there is none.
    static func contents(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    static func write(_ bytes: [UInt8], to path: String) {
        guard let file = fopen(path, "w") else { return }
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }
}

import CLinux
import Glibc

/// What a gateway does with its state directory.
package enum Directory {
    /// Makes a directory with mode 0700 unless it exists. Its parent must exist.
    package static func make(path: String) throws(Errno) {
        _ = try SystemCall.value(weir_make_directory(path), "mkdir")
    }

    /// The names in a directory, sorted, without `.` and `..`.
    package static func names(in path: String) throws(Errno) -> [String] {
        guard let directory = opendir(path) else {
            throw Errno(errno, in: "opendir")
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes an empty directory.
    package static func remove(path: String) throws(Errno) {
        _ = try SystemCall.value(weir_remove_directory(path), "rmdir")
    }

    /// Removes a file.
    package static func removeFile(path: String) throws(Errno) {
        _ = try SystemCall.value(weir_unlink(path), "unlink")
    }
}

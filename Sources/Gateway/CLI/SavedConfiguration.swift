import Configuration
import Glibc
import LinuxIO

/// Writes the configuration that runs where the API may write it: in the file that was loaded, or
/// beside it under another name that is still free. Comments and aliases of the file are lost.
struct SavedConfiguration: Sendable {
    /// Why it is not written.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private let files: [String]
    private let isSingle: Bool

    /// `loaded` are the files that were read at the start; `request` is what was asked for.
    init(_ request: ConfigurationRequest, loaded: [String]) {
        files = loaded.filter { $0 != "-" && !$0.hasPrefix("-C") }
        isSingle =
            loaded.count == 1 && request.services.isEmpty && request.nodes.isEmpty
            && request.api == nil && request.metrics == nil
    }

    /// Where it goes and whether as JSON.
    func place(
        named name: String?, format: String?
    ) throws(Fault) -> (path: String, isJSON: Bool) {
        guard let first = files.first else {
            throw Fault(description: "no file was loaded, so there is no place to save it")
        }
        guard let name, name != first else {
            guard isSingle else {
                throw Fault(
                    description: "it was made of several files or of words of the command line; "
                        + "name another file with path=")
            }
            return (first, Self.isJSON(first, format))
        }
        let isName =
            !name.contains("/") && !name.hasPrefix(".") && !name.contains("\0")
            && [".yml", ".yaml", ".json"].contains { name.hasSuffix($0) }
        guard isName else {
            throw Fault(
                description:
                    "'\(name)' is no name of a file (.yml, .yaml or .json) to stand beside "
                    + "'\(first)'")
        }
        let folder = first.lastIndex(of: "/").map { String(first[...$0]) } ?? ""
        let path = folder + name
        var facts = stat()
        guard lstat(path, &facts) != 0 else {
            throw Fault(description: "'\(path)' is there already")
        }
        return (path, Self.isJSON(path, format))
    }

    private static func isJSON(_ path: String, _ format: String?) -> Bool {
        format.map { $0 == "json" } ?? path.hasSuffix(".json")
    }

    /// Writes a file as a whole or not at all. A new one has mode 0600, since it holds secrets.
    static func write(_ bytes: [UInt8], to name: String) throws(Fault) {
        let resolved = realpath(name, nil)
        defer { free(resolved) }
        // A link stays one.
        let path = resolved.map { String(cString: $0) } ?? name
        let draft = path + ".saving"
        unlink(draft)
        let number = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw fault(path) }
        var facts = stat()
        if stat(path, &facts) == 0 {
            // Whoever may read the old file may read the new one; ownership needs rights.
            _ = fchown(number, facts.st_uid, facts.st_gid)
            fchmod(number, facts.st_mode & 0o777)
        }
        let isWritten = Terminal.writeAll(number, bytes) && fsync(number) == 0
        let reason = isWritten ? nil : fault(path)
        close(number)
        if let reason {
            unlink(draft)
            throw reason
        }
        guard rename(draft, path) == 0 else {
            let reason = fault(path)
            unlink(draft)
            throw reason
        }
    }

    private static func fault(_ path: String) -> Fault {
        Fault(description: "'\(path)' cannot be written: \(String(cString: strerror(errno)))")
    }
}

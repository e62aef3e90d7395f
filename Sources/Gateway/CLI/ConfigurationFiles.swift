import Assembly
import Configuration
import Glibc
import Model
import PluginKit

/// Reads configuration files from disk.
enum ConfigurationFiles {
    /// Loads what the command line asks for, with the plugins' options.
    static func load(
        _ words: CommandLineArguments, _ plugins: [PluginDescriptor]
    ) -> PreparedConfiguration {
        var request = words.request
        request.home = getenv("HOME").map { String(cString: $0) }
        let loaded = Configuration.load(request, readingWith: read)
        return PreparedConfiguration(loaded, descriptors: plugins)
    }

    /// Whether a file can be opened.
    static func exists(_ path: String) -> Bool { access(path, R_OK) == 0 }

    /// The whole of a file; `-` is standard input.
    static func read(_ path: String) throws(FileFault) -> [UInt8] {
        let number = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { throw fault(errno) }
        defer { if number > 0 { close(number) } }
        var facts = stat()
        if fstat(number, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR { throw fault(EISDIR) }
        guard let bytes = Terminal.readAll(number, bytesMax: Limits.configurationBytes)
        else {
            throw FileFault(
                isAbsent: false, reason: "larger than \(Limits.configurationBytes >> 20) MiB")
        }
        return bytes
    }

    /// The whole of a file that is read while the gateway runs: a pipe would hold up the reader.
    static func readAgain(_ path: String) throws(FileFault) -> [UInt8] {
        var facts = stat()
        guard stat(path, &facts) == 0 else { throw fault(errno) }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw FileFault(isAbsent: false, reason: "no regular file")
        }
        return try read(path)
    }

    private static func fault(_ code: Int32) -> FileFault {
        FileFault(isAbsent: code == ENOENT, reason: String(cString: strerror(code)))
    }
}

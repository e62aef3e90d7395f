import Crypto
import LinuxIO

/// `weir hash`: hashes a password for a configuration file.
enum HashCommand {
    /// Reads one line from standard input and prints its hash.
    static func run() -> Int32 {
        if Process.isTerminal(0) { Terminal.complain("password (it will be shown): ") }
        guard let input = Terminal.readAll(0, bytesMax: 4096) else {
            Terminal.complain("weir hash: a password of more than 4096 bytes")
            return 2
        }
        let line = String(decoding: input.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        guard !line.isEmpty, line.utf8.count <= 255 else {
            Terminal.complain("weir hash: a password has 1 to 255 bytes (RFC 1929)")
            return 2
        }
        do throws(CryptoFailure) {
            Terminal.print(try PasswordHash(of: line).description)
            return 0
        } catch {
            Terminal.complain("weir hash: \(error)")
            return 1
        }
    }
}

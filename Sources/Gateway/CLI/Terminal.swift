import Glibc
import Synchronization

/// Standard output and standard error.
///
/// ## Concurrency
/// Any thread may write; what was lost is remembered for the exit status.
enum Terminal {
    private static let lost = Mutex(false)

    /// Whether text for standard output was lost: a full disk, a closed pipe.
    static var hasLostOutput: Bool { lost.withLock { $0 } }

    /// Writes text to standard output, with one line end at its end.
    static func print(_ text: String) { write(1, text) }

    /// Writes text to standard error, with one line end at its end.
    static func complain(_ text: String) { write(2, text) }

    /// Writes text to standard output as it is.
    static func printExactly(_ text: String) { put(Array(text.utf8)) }

    private static func put(_ bytes: [UInt8]) {
        guard !writeAll(1, bytes) else { return }
        let reason = String(cString: strerror(errno))
        let isFirst = lost.withLock { lost in
            defer { lost = true }
            return !lost
        }
        if isFirst { complain("weir: standard output cannot be written: \(reason)") }
    }

    private static func write(_ number: Int32, _ text: String) {
        var bytes = Array(text.utf8)
        if bytes.last != UInt8(ascii: "\n") { bytes.append(UInt8(ascii: "\n")) }
        if number == 1 { put(bytes) } else { writeAll(number, bytes) }
    }

    /// Writes all bytes to a descriptor; false when that ended early, and `errno` says why.
    @discardableResult
    static func writeAll(_ number: Int32, _ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(number, buffer.baseAddress.map { $0 + done }, bytes.count - done)
            }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return false }
            done += count
        }
        return true
    }

    /// All of standard input, up to a bound; nil when it is longer.
    static func readAll(_ number: Int32, bytesMax: Int) -> [UInt8]? {
        var collected: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(number, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return collected }
            collected += buffer[..<count]
            if collected.count > bytesMax { return nil }
        }
    }
}

import Glibc

/// Standard output and standard error.
enum Terminal {
    /// Writes text to standard output, with one line end at its end.
    static func print(_ text: String) { write(1, text) }

    /// Writes text to standard error, with one line end at its end.
    static func complain(_ text: String) { write(2, text) }

    /// Writes text to standard output as it is.
    static func printExactly(_ text: String) { writeAll(1, Array(text.utf8)) }

    private static func write(_ number: Int32, _ text: String) {
        var bytes = Array(text.utf8)
        if bytes.last != UInt8(ascii: "\n") { bytes.append(UInt8(ascii: "\n")) }
        writeAll(number, bytes)
    }

    /// Writes all bytes to a descriptor; a closed pipe or a full disk ends the attempt, since
    /// there is nobody to tell.
    static func writeAll(_ number: Int32, _ bytes: [UInt8]) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(number, buffer.baseAddress.map { $0 + done }, bytes.count - done)
            }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return }
            done += count
        }
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

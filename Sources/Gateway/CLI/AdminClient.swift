import Glibc
import Model

/// Asks a running gateway over its admin socket.
enum AdminClient {
    /// Nobody answered, or not in a way that makes sense.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    /// The largest answer taken: about a million flows.
    private static let answerBytesMax = 1 << 30

    /// Sends one line and returns the line that answers it. Blocks, with a deadline.
    static func ask(path: String, request: String) throws -> String {
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard number >= 0 else { throw fault(path, errno) }
        defer { close(number) }
        try connect(number, path)
        setDeadline(number)
        Terminal.writeAll(number, Array((request + "\n").utf8))
        shutdown(number, Int32(SHUT_WR))
        guard let answer = Terminal.readAll(number, bytesMax: answerBytesMax),
            let end = answer.firstIndex(of: UInt8(ascii: "\n"))
        else { throw Fault(description: "no whole answer from \(path)") }
        return String(decoding: answer[..<end], as: UTF8.self)
    }

    private static func connect(_ number: Int32, _ path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Fault(description: "the path of the admin socket is too long: \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if result != 0 { throw fault(path, errno) }
    }

    private static func setDeadline(_ number: Int32) {
        var limit = timeval(tv_sec: Limits.adminMilliseconds / 1000, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    }

    private static func fault(_ path: String, _ code: Int32) -> Fault {
        Fault(description: "no gateway answers on \(path): \(String(cString: strerror(code)))")
    }
}

import Glibc
import LinuxIO
import Synchronization

/// A server on loopback that answers every connection in one way, on a thread of its own.
///
/// ## Concurrency
/// A lock protects what it heard.
final class ScriptedServer: Sendable {
    /// What it does with a connection whose request it has read.
    enum Manner: Sendable {
        /// Sends these bytes and closes.
        case sends(String)
        /// Sends these bytes and keeps the connection without a further word.
        case sendsAndHangs(String)
        /// Sends these bytes again and again until nobody takes them.
        case floods(String, String)
    }

    let port: UInt16
    private let listener: Int32
    private let manner: Manner
    private let heard = Mutex<[String]>([])

    init(_ manner: Manner) throws {
        self.manner = manner
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 ? getsockname(listener, $0, &length) : -1
            }
        }
        guard result == 0, listen(listener, 64) == 0 else { throw Errno(errno, in: "listen") }
        port = UInt16(bigEndian: address.sin_port)
        try Thread(name: "server") { self.serve() }.detach()
    }

    /// Ends the thread, which holds the server until then.
    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    /// Whole requests, in the order in which they came.
    var requests: [String] { heard.withLock { $0 } }

    private func serve() {
        while true {
            let connection = accept(listener, nil, nil)
            if connection < 0 { break }
            let request = Self.read(connection)
            heard.withLock { $0.append(request) }
            switch manner {
            case .sends(let text):
                Self.write(connection, text)
                close(connection)
            case .sendsAndHangs(let text): Self.write(connection, text)
            case .floods(let head, let body):
                var isTaken = Self.write(connection, head)
                while isTaken { isTaken = Self.write(connection, body) }
                close(connection)
            }
        }
        close(listener)
    }

    private static func read(_ connection: Int32) -> String {
        var text = ""
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(connection, &bytes, bytes.count, 0)
            if count <= 0 { return text }
            text += String(decoding: bytes[..<count], as: UTF8.self)
            guard let end = text.firstRange(of: "\r\n\r\n") else { continue }
            let lengths = text.split(separator: "\r\n").filter { $0.hasPrefix("Content-Length: ") }
            let wanted = lengths.first.flatMap { Int($0.dropFirst(16)) } ?? 0
            if text[end.upperBound...].utf8.count >= wanted { return text }
        }
    }

    @discardableResult
    private static func write(_ connection: Int32, _ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }
}

import CLinux
import Glibc

/// Whoever started this process as a service and wants to hear how it is: systemd, in datagrams
/// as sd_notify(3) describes them.
package struct ServiceManager: Sendable {
    /// What it is told.
    package enum News: Sendable, Equatable {
        /// Everything listens; also after a reload. In words for `systemctl status`.
        case ready(String)
        /// A reload begins, at a moment of the monotonic clock; `ready` ends it.
        case reloading(atNanoseconds: UInt64)
        /// The end has begun and takes at most so long.
        case stopping(withinNanoseconds: UInt64, String)
        /// A sign of life.
        case alive
        /// How it is, in words.
        case status(String)
    }

    private let socket: String

    /// The manager that listens on a socket, as `NOTIFY_SOCKET` names it: an absolute path, or an
    /// abstract name behind `@`. Nil for anything else.
    package init?(socket: String) {
        guard socket.utf8.count > 1, socket.hasPrefix("/") || socket.hasPrefix("@") else {
            return nil
        }
        self.socket = socket
    }

    /// Sends news. When the manager is busy it waits for at most so long; 0 does not wait, for
    /// callers that nothing may hold up.
    package func tell(_ news: News, waitMilliseconds: Int32 = 0) throws(Errno) {
        let bytes = Array(Self.text(news).utf8)
        let result = weir_tell_socket(socket, bytes, bytes.count, waitMilliseconds)
        if result < 0 { throw Errno(-result, in: "sendto") }
    }

    /// One assignment in a line, as the protocol has it.
    package static func text(_ news: News) -> String {
        switch news {
        case .ready(let words): "READY=1\n" + status(words)
        case .reloading(let moment):
            "RELOADING=1\nMONOTONIC_USEC=\(moment / 1000)\n" + status("reading the configuration")
        case .stopping(let limit, let words):
            "STOPPING=1\nEXTEND_TIMEOUT_USEC=\(limit / 1000)\n" + status(words)
        case .alive: "WATCHDOG=1"
        case .status(let words): status(words)
        }
    }

    /// Words in one line: a line end would begin another assignment.
    private static func status(_ words: String) -> String {
        "STATUS=" + words.map { $0.isNewline ? " " : String($0) }.joined()
    }
}

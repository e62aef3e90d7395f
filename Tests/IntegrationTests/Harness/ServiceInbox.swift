import Glibc

/// The socket of a service manager, sd_notify(3): what a process tells it.
///
/// ## Concurrency
/// Used by the thread of one test.
final class ServiceInbox {
    /// What `NOTIFY_SOCKET` says.
    let name: String
    /// Everything told so far, in order.
    private(set) var told: [String] = []
    private let descriptor: Int32

    /// Listens at a path, or at an abstract name behind `@`.
    init(_ name: String) throws {
        self.name = name
        let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        descriptor = socket(AF_UNIX, kind, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if name.hasPrefix("@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length)
            }
        }
        guard result == 0 else { throw SocketFailure(call: "bind \(name)", code: errno) }
    }

    deinit { close(descriptor) }

    /// Waits until something with this assignment was told, and gives it.
    func message(with assignment: String, within seconds: Double = 30) throws -> String {
        try waitFor("'\(assignment)' among \(told)", within: seconds) {
            read()
            return told.last { $0.split(separator: "\n").contains(Substring(assignment)) }
        }
    }

    /// How many messages were exactly this.
    func count(of message: String) -> Int {
        read()
        return told.count { $0 == message }
    }

    /// Forgets what was told.
    func clear() {
        read()
        told.removeAll()
    }

    private func read() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            if count < 0 { return }
            told.append(String(decoding: bytes.prefix(count), as: UTF8.self))
        }
    }
}

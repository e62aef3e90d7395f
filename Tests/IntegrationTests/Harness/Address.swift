import Glibc

/// An IP address in text and a port.
struct Address: Hashable, Sendable, CustomStringConvertible {
    let ip: String
    let port: UInt16

    init(_ ip: String, _ port: UInt16) {
        self.ip = ip
        self.port = port
    }

    /// `port` on 127.0.0.1.
    static func local(_ port: UInt16) -> Address { Address("127.0.0.1", port) }
    /// Any port on 127.0.0.1.
    static let anyLocal = Address.local(0)

    var isV6: Bool { ip.contains(":") }
    /// As flow records write it.
    var description: String { isV6 ? "[\(ip)]:\(port)" : "\(ip):\(port)" }

    /// The address as it stands in a SOCKS5 message: type, address, port (RFC 1928 §5).
    var socks5: [UInt8] { [isV6 ? 4 : 1] + bytes + portBytes }
    var portBytes: [UInt8] { [UInt8(port >> 8), UInt8(port & 0xff)] }

    /// Four or sixteen bytes in network order.
    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: isV6 ? 16 : 4)
        precondition(inet_pton(isV6 ? AF_INET6 : AF_INET, ip, &bytes) == 1, "\(ip) is no address")
        return bytes
    }

    init(bytes: some Collection<UInt8>, port: UInt16) {
        var text = [CChar](repeating: 0, count: 64)
        inet_ntop(bytes.count == 16 ? AF_INET6 : AF_INET, Array(bytes), &text, 64)
        let end = text.firstIndex(of: 0) ?? 0
        let ip = String(decoding: text[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.init(ip, port)
    }

    init(_ storage: sockaddr_storage) {
        self = withUnsafeBytes(of: storage) { raw in
            let port = UInt16(raw[2]) << 8 | UInt16(raw[3])
            let isV6 = Int32(storage.ss_family) == AF_INET6
            return Address(bytes: Array(isV6 ? raw[8..<24] : raw[4..<8]), port: port)
        }
    }

    /// Gives the `sockaddr` and its length to a system call.
    func withSockaddr<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var raw = [UInt8](repeating: 0, count: 28)
        let family = UInt16(isV6 ? AF_INET6 : AF_INET)
        raw[0] = UInt8(family & 0xff)
        raw[1] = UInt8(family >> 8)
        raw.replaceSubrange(2..<4, with: portBytes)
        let start = isV6 ? 8 : 4
        raw.replaceSubrange(start..<start + bytes.count, with: bytes)
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { $0.copyBytes(from: raw) }
        let length = socklen_t(isV6 ? 28 : 16)
        return withUnsafePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}

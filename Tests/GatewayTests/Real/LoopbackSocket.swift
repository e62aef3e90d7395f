import Glibc
import Model
import Testing

/// A real socket of a client or an origin on 127.0.0.1. Every wait ends after ten seconds.
///
/// ## Concurrency
/// Used by one thread at a time.
final class LoopbackSocket: @unchecked Sendable {
    /// A system call that failed, or an answer that did not come.
    struct Failure: Error, CustomStringConvertible {
        let description: String

        init(_ call: String) { description = "\(call): \(String(cString: strerror(errno)))" }
    }

    private let descriptor: Int32

    private init(_ descriptor: Int32) throws {
        guard descriptor >= 0 else { throw Failure("socket") }
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(
                descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    deinit { Glibc.close(descriptor) }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    private static func withAddress<Value>(
        _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
    ) -> Value {
        var address = address(port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
        }
    }

    // MARK: Opening

    /// A UDP socket; port 0 lets the kernel choose.
    static func datagrams(port: UInt16 = 0) throws -> LoopbackSocket {
        let socket = try LoopbackSocket(Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0))
        guard withAddress(port, { bind(socket.descriptor, $0, $1) }) == 0 else {
            throw Failure("bind")
        }
        return socket
    }

    /// A listening TCP socket.
    static func listener() throws -> LoopbackSocket {
        let socket = try LoopbackSocket(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        guard withAddress(0, { bind(socket.descriptor, $0, $1) }) == 0,
            listen(socket.descriptor, 16) == 0
        else { throw Failure("listen") }
        return socket
    }

    /// A TCP connection.
    static func stream(to endpoint: Endpoint) throws -> LoopbackSocket {
        let socket = try LoopbackSocket(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        guard withAddress(endpoint.port, { connect(socket.descriptor, $0, $1) }) == 0 else {
            throw Failure("connect")
        }
        return socket
    }

    /// The next connection of a listener.
    func accept() throws -> LoopbackSocket {
        try LoopbackSocket(Glibc.accept(descriptor, nil, nil))
    }

    /// Where it is bound.
    var endpoint: Endpoint {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &size)
            }
        }
        return Endpoint(.loopbackV4, UInt16(bigEndian: address.sin_port))
    }

    // MARK: Datagrams

    func send(_ bytes: [UInt8], to endpoint: Endpoint) throws {
        let sent = Self.withAddress(endpoint.port) { address, size in
            sendto(descriptor, bytes, bytes.count, 0, address, size)
        }
        guard sent == bytes.count else { throw Failure("sendto") }
    }

    /// The next datagram and its sender.
    func receive() throws -> (bytes: [UInt8], source: Endpoint) {
        var buffer = [UInt8](repeating: 0, count: 70_000)
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(descriptor, &buffer, buffer.count, 0, $0, &size)
            }
        }
        guard count >= 0 else { throw Failure("recvfrom") }
        return (Array(buffer[..<count]), Endpoint(.loopbackV4, UInt16(bigEndian: address.sin_port)))
    }

    // MARK: Streams

    func write(_ bytes: [UInt8]) throws {
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
        else { throw Failure("send") }
    }

    /// Exactly so many bytes.
    func read(_ count: Int) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        guard recv(descriptor, &buffer, count, Int32(MSG_WAITALL)) == count else {
            throw Failure("recv")
        }
        return buffer
    }
}

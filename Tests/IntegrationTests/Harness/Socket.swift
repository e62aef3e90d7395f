import Glibc
import Synchronization

/// A system call that failed, or a wait that took too long (`EAGAIN`).
struct SocketFailure: Error, CustomStringConvertible {
    let call: String
    let code: Int32

    var isTimeout: Bool { code == EAGAIN }
    var isReset: Bool { code == ECONNRESET || code == EPIPE }
    var description: String {
        isTimeout ? "\(call): nothing came in time" : "\(call): \(String(cString: strerror(code)))"
    }
}

/// A blocking socket whose every wait has a deadline.
///
/// ## Concurrency
/// Reading and writing may be on two threads. `close` once, when no call is in progress.
final class Socket: Sendable {
    let descriptor: Int32
    private let isOpen = Mutex(true)

    init(descriptor: Int32) {
        self.descriptor = descriptor
        setTimeout(seconds: 10)
    }

    private init(isV6: Bool, type: Int32) throws {
        let family = isV6 ? AF_INET6 : AF_INET
        let descriptor = Glibc.socket(family, type | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SocketFailure(call: "socket", code: errno) }
        self.descriptor = descriptor
        setTimeout(seconds: 10)
    }

    deinit { close() }

    // MARK: Making

    /// A TCP connection to `address`, from `local` where given.
    static func connect(
        to address: Address, from local: Address? = nil, seconds: Double = 10
    ) throws -> Socket {
        let socket = try Socket(isV6: address.isV6, type: Int32(SOCK_STREAM.rawValue))
        socket.setTimeout(seconds: seconds)
        if let local { try socket.bind(local) }
        let result = address.withSockaddr { Glibc.connect(socket.descriptor, $0, $1) }
        guard result == 0 else { throw SocketFailure(call: "connect \(address)", code: errno) }
        socket.set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        return socket
    }

    /// A listening TCP socket; port 0 lets the kernel choose.
    static func listen(on address: Address = .anyLocal, backlog: Int32 = 512) throws -> Socket {
        let socket = try Socket(isV6: address.isV6, type: Int32(SOCK_STREAM.rawValue))
        socket.set(SOL_SOCKET, SO_REUSEADDR, 1)
        try socket.bind(address)
        guard Glibc.listen(socket.descriptor, backlog) == 0 else {
            throw SocketFailure(call: "listen \(address)", code: errno)
        }
        return socket
    }

    /// A UDP socket bound to `address`.
    static func datagram(on address: Address = .anyLocal) throws -> Socket {
        let socket = try Socket(isV6: address.isV6, type: Int32(SOCK_DGRAM.rawValue))
        socket.set(SOL_SOCKET, SO_RCVBUF, 4 << 20)
        try socket.bind(address)
        return socket
    }

    private func bind(_ address: Address) throws {
        let result = address.withSockaddr { Glibc.bind(descriptor, $0, $1) }
        guard result == 0 else { throw SocketFailure(call: "bind \(address)", code: errno) }
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        _ = setsockopt(descriptor, level, option, &value, 4)
    }

    /// How long a call may wait.
    func setTimeout(seconds: Double) {
        let whole = Int(seconds)
        let rest = Int((seconds - Double(whole)) * 1e6)
        var time = timeval(tv_sec: whole, tv_usec: rest)
        let size = socklen_t(MemoryLayout<timeval>.size)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    }

    // MARK: Addresses

    var local: Address { name(getsockname) }
    var remote: Address { name(getpeername) }
    var port: UInt16 { local.port }

    private func name(
        _ call: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Address {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        _ = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call(descriptor, $0, &length)
            }
        }
        return Address(storage)
    }

    // MARK: Streams

    /// Takes one connection from a listening socket.
    func accept() throws -> Socket {
        while true {
            let taken = Glibc.accept(descriptor, nil, nil)
            if taken >= 0 { return Socket(descriptor: taken) }
            if errno != EINTR { throw SocketFailure(call: "accept", code: errno) }
        }
    }

    /// Writes all of `bytes`.
    func send(_ bytes: some Collection<UInt8>) throws { try send(Array(bytes)) }

    /// Writes all of `bytes`.
    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { raw in
                Glibc.send(descriptor, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw SocketFailure(call: "send", code: errno) }
            sent += count
        }
    }

    /// Up to `count` bytes; none at the end of the stream.
    func receive(upTo count: Int = 65_536) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        while true {
            let got = recv(descriptor, &bytes, count, 0)
            if got >= 0 { return Array(bytes[..<got]) }
            if errno != EINTR { throw SocketFailure(call: "recv", code: errno) }
        }
    }

    /// Exactly `count` bytes; an early end is an error.
    func receive(exactly count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try receive(upTo: count - bytes.count)
            if more.isEmpty {
                throw HarnessFailure("the stream ended after \(bytes) of \(count) bytes")
            }
            bytes += more
        }
        return bytes
    }

    /// Everything up to the end of the stream. A reset counts as an end where `orReset`.
    func receiveToEnd(orReset: Bool = false) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            do {
                let more = try receive()
                if more.isEmpty { return bytes }
                bytes += more
            } catch let failure as SocketFailure where orReset && failure.isReset {
                return bytes
            }
        }
    }

    /// Whether the peer closes or resets within `seconds`; bytes on the way are thrown away.
    func isClosedByPeer(within seconds: Double = 5) -> Bool {
        setTimeout(seconds: seconds)
        defer { setTimeout(seconds: 10) }
        do {
            _ = try receiveToEnd(orReset: true)
            return true
        } catch { return false }
    }

    /// Whether the peer keeps the connection open and silent for `seconds`.
    func isQuiet(for seconds: Double) -> Bool {
        setTimeout(seconds: seconds)
        defer { setTimeout(seconds: 10) }
        do {
            _ = try receive()
            return false
        } catch let failure as SocketFailure { return failure.isTimeout } catch { return false }
    }

    func shutdownWriting() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Closes with RST.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        let size = socklen_t(MemoryLayout<linger>.size)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, size)
        close()
    }

    func close() {
        isOpen.withLock { isOpen in
            if isOpen { _ = Glibc.close(descriptor) }
            isOpen = false
        }
    }

    // MARK: Datagrams

    /// Sends one datagram, possibly empty.
    func send(_ bytes: [UInt8], to address: Address) throws {
        let count = address.withSockaddr { peer, length in
            sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), peer, length)
        }
        guard count == bytes.count else { throw SocketFailure(call: "sendto", code: errno) }
    }

    /// The next datagram and its sender.
    func receiveDatagram(within seconds: Double = 10) throws -> (bytes: [UInt8], from: Address) {
        setTimeout(seconds: max(seconds, 0.001))
        var bytes = [UInt8](repeating: 0, count: 70_000)
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        while true {
            let got = withUnsafeMutablePointer(to: &storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(descriptor, &bytes, bytes.count, 0, $0, &length)
                }
            }
            if got >= 0 { return (Array(bytes[..<got]), Address(storage)) }
            if errno != EINTR { throw SocketFailure(call: "recvfrom", code: errno) }
        }
    }
}

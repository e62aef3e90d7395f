import Foundation
import Glibc
import Synchronization

/// A TCP server in the test: every connection runs `behaviour` on a thread of its own.
///
/// ## Concurrency
/// Made and stopped by the test's thread; the connections it lists may be read from any.
final class TCPOrigin: Sendable {
    /// One accepted connection and what went over it.
    final class Connection: Sendable {
        let socket: Socket
        private let state = Mutex<(received: Int, sent: Int, isEnded: Bool)>((0, 0, false))

        init(_ socket: Socket) { self.socket = socket }

        var received: Int { state.withLock { $0.received } }
        var sent: Int { state.withLock { $0.sent } }
        var isEnded: Bool { state.withLock { $0.isEnded } }

        func receive() throws -> [UInt8] {
            let bytes = try socket.receive()
            state.withLock { $0.received += bytes.count }
            return bytes
        }

        func send(_ bytes: [UInt8]) throws {
            try socket.send(bytes)
            state.withLock { $0.sent += bytes.count }
        }

        fileprivate func end() {
            socket.close()
            state.withLock { $0.isEnded = true }
        }
    }

    let address: Address
    private let listener: Socket
    private let accepted = Mutex<[Connection]>([])
    private let isStopped = Mutex(false)

    /// Listens on `address`; failures of a connection's behaviour end that connection only.
    init(
        on address: Address = .anyLocal,
        behaviour: @escaping @Sendable (Connection) throws -> Void
    ) throws {
        listener = try Socket.listen(on: address)
        self.address = listener.local
        listener.setTimeout(seconds: 0.2)
        let thread = Thread { [self] in acceptConnections(behaviour) }
        thread.start()
    }

    deinit { stop() }

    var port: UInt16 { address.port }
    var connections: [Connection] { accepted.withLock { $0 } }

    /// The first connection, waited for.
    func firstConnection() throws -> Connection {
        try waitFor("connection at the origin") { connections.first }
    }

    /// Takes no more connections.
    func stop() { isStopped.withLock { $0 = true } }

    private func acceptConnections(_ behaviour: @escaping @Sendable (Connection) throws -> Void) {
        while !isStopped.withLock({ $0 }) {
            guard let socket = try? listener.accept() else { continue }
            let connection = Connection(socket)
            accepted.withLock { $0.append(connection) }
            let thread = Thread {
                // The behaviour's failure is the test's doing; what it moved is on record.
                try? behaviour(connection)
                connection.end()
            }
            thread.stackSize = 512 << 10
            thread.start()
        }
        listener.close()
    }
}

extension TCPOrigin {
    /// Sends back what it gets, closes after the client has.
    static func echo(on address: Address = .anyLocal) throws -> TCPOrigin {
        try TCPOrigin(on: address) { connection in
            while true {
                let bytes = try connection.receive()
                if bytes.isEmpty { return }
                try connection.send(bytes)
            }
        }
    }

    /// Reads up to the end, then closes.
    static func sink() throws -> TCPOrigin {
        try TCPOrigin { connection in
            connection.socket.setTimeout(seconds: 60)
            while try !connection.receive().isEmpty {}
        }
    }

    /// Sends `bytes` at once, then reads up to the end.
    static func greeting(_ bytes: [UInt8], on address: Address = .anyLocal) throws -> TCPOrigin {
        try TCPOrigin(on: address) { connection in
            try connection.send(bytes)
            connection.socket.shutdownWriting()
            while try !connection.receive().isEmpty {}
        }
    }

    /// A minimal HTTP/1.0 server: one response with `body` for each request head, and what it
    /// got of a request body thrown away.
    static func http(body: [UInt8], on address: Address = .anyLocal) throws -> TCPOrigin {
        try TCPOrigin(on: address) { connection in
            var head: [UInt8] = []
            while !head.hasEndOfHead {
                let bytes = try connection.receive()
                if bytes.isEmpty { return }
                head += bytes
            }
            let response = "HTTP/1.0 200 OK\r\nContent-Length: \(body.count)\r\n\r\n"
            try connection.send(Array(response.utf8) + body)
            connection.socket.shutdownWriting()
            while try !connection.receive().isEmpty {}
        }
    }

    /// Reads one HTTP request with its whole body, then answers `answer`.
    static func upload(answer: [UInt8]) throws -> TCPOrigin {
        try TCPOrigin { connection in
            var request: [UInt8] = []
            while !request.isWholeRequest {
                let bytes = try connection.receive()
                if bytes.isEmpty { return }
                request += bytes
            }
            let head = "HTTP/1.0 200 OK\r\nContent-Length: \(answer.count)\r\n\r\n"
            try connection.send(Array(head.utf8) + answer)
            connection.socket.shutdownWriting()
            while try !connection.receive().isEmpty {}
        }
    }
}

extension [UInt8] {
    /// Where the head of an HTTP message ends.
    private var endOfHead: Int? {
        let end = Array("\r\n\r\n".utf8)
        return indices.first { self[$0...].starts(with: end) }.map { $0 + 4 }
    }

    fileprivate var hasEndOfHead: Bool { endOfHead != nil }

    /// Whether an HTTP request is here with the body that its Content-Length announces.
    fileprivate var isWholeRequest: Bool {
        guard let endOfHead else { return false }
        let head = String(decoding: self[..<endOfHead], as: UTF8.self).lowercased()
        let key = "content-length: "
        guard let line = head.split(separator: "\r\n").first(where: { $0.hasPrefix(key) }),
            let length = Int(line.dropFirst(key.count))
        else { return true }
        return count >= endOfHead + length
    }

    /// `count` bytes that repeat with a period that no power of two divides.
    static func pattern(_ count: Int, seed: Int = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) % 251) }
    }
}

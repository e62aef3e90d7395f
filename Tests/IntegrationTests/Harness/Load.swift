import Foundation
import Synchronization

/// Traffic through a gateway that goes on until it is stopped, whatever happens to the gateway.
///
/// Every long flow moves bytes in one direction only: a gateway killed with unread input answers
/// with a reset, and a reset may destroy what it had already delivered the other way.
///
/// ## Concurrency
/// Made and stopped by the test's thread; the flows run on threads of their own.
final class Load: Sendable {
    /// What the peers have seen.
    struct Figures: Sendable {
        /// Connections that got a successful reply, by user.
        var flows: [String: Int] = [:]
        /// Bytes that clients received, by user.
        var downlink: [String: Int] = [:]
        /// Short flows that were served from beginning to end.
        var finished = 0
    }

    private let figures = Mutex(Figures())
    private let running = Mutex(0)
    private let isStopped = Mutex(false)
    private let uploads: TCPOrigin
    private let shorts: TCPOrigin
    private let downloads: TCPOrigin

    /// The user who only sends, the one who only receives, the one of the short flows.
    static let users = [("up", "pw-of-up"), ("down", "pw-of-down"), ("short", "pw-of-short")]
    /// What a short flow sends, and what it is answered.
    static let shortBytes = 1000

    init() throws {
        uploads = try TCPOrigin.sink()
        downloads = try TCPOrigin { connection in
            let block = [UInt8](repeating: 0x5a, count: 32_768)
            while true {
                try connection.send(block)
                pause(milliseconds: 2)
            }
        }
        shorts = try TCPOrigin { connection in
            while connection.received < Self.shortBytes {
                if try connection.receive().isEmpty { return }
            }
            try connection.send(.pattern(Self.shortBytes))
            connection.socket.shutdownWriting()
            while try !connection.receive().isEmpty {}
        }
    }

    var seen: Figures { figures.withLock { $0 } }
    /// Bytes that origins received, by user.
    var uplink: [String: Int] {
        [
            "up": uploads.connections.map(\.received).reduce(0, +),
            "short": shorts.connections.map(\.received).reduce(0, +),
        ]
    }
    /// Whether every flow has ended at both of its ends.
    var isOver: Bool {
        running.withLock { $0 } == 0
            && [uploads, downloads, shorts].allSatisfy { $0.connections.allSatisfy(\.isEnded) }
    }

    /// Starts flows towards `gateway`; each ends when the gateway does.
    func start(_ gateway: Address, uploads up: Int, downloads down: Int) {
        isStopped.withLock { $0 = false }
        for _ in 0..<up { spawn { try self.upload(gateway) } }
        for _ in 0..<down { spawn { try self.download(gateway) } }
        spawn { while !self.isStopped.withLock({ $0 }) { try self.short(gateway) } }
    }

    /// No more short flows and no more uploads.
    func stop() { isStopped.withLock { $0 = true } }

    private func spawn(_ work: @escaping @Sendable () throws -> Void) {
        running.withLock { $0 += 1 }
        let thread = Thread { [self] in
            // A flow that the gateway's death ends is what this is for.
            try? work()
            running.withLock { $0 -= 1 }
        }
        thread.stackSize = 512 << 10
        thread.start()
    }

    private func connect(_ gateway: Address, _ user: String, _ origin: TCPOrigin) throws -> Socket {
        let client = try SOCKSClient(gateway, user: user)
        guard try client.request(.connect, origin.address).code == 0 else {
            throw HarnessFailure("not connected")
        }
        figures.withLock { $0.flows[user, default: 0] += 1 }
        return client.socket
    }

    private func upload(_ gateway: Address) throws {
        let socket = try connect(gateway, "up", uploads)
        let block = [UInt8](repeating: 0xa5, count: 24_000)
        while !isStopped.withLock({ $0 }) {
            try socket.send(block)
            pause(milliseconds: 2)
        }
    }

    private func download(_ gateway: Address) throws {
        let socket = try connect(gateway, "down", downloads)
        // To the very end: what the gateway wrote before it died still arrives.
        while true {
            let count = try socket.receive().count
            if count == 0 { return }
            figures.withLock { $0.downlink["down", default: 0] += count }
        }
    }

    private func short(_ gateway: Address) throws {
        let socket = try connect(gateway, "short", shorts)
        try socket.send(.pattern(Self.shortBytes))
        let answer = try socket.receive(exactly: Self.shortBytes)
        figures.withLock {
            $0.downlink["short", default: 0] += answer.count
            $0.finished += 1
        }
    }
}

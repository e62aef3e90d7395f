import Foundation
import Synchronization

/// A UDP server in the test that counts what it gets.
///
/// ## Concurrency
/// Made and stopped by the test's thread; counts may be read from any.
final class UDPOrigin: Sendable {
    /// What arrived and what was sent back.
    struct Counts: Equatable, Sendable {
        var received = 0
        var receivedBytes = 0
        var sent = 0
        var sentBytes = 0
    }

    let socket: Socket
    let address: Address
    private let counts = Mutex(Counts())
    private let lastSender = Mutex<Address?>(nil)
    private let isStopped = Mutex(false)

    /// Answers every datagram with what `answer` makes of it; nil is silence.
    init(
        on address: Address = .anyLocal,
        answer: @escaping @Sendable ([UInt8]) -> [UInt8]? = { $0 }
    ) throws {
        socket = try Socket.datagram(on: address)
        self.address = socket.local
        let thread = Thread { [self] in serve(answer) }
        thread.start()
    }

    deinit { stop() }

    var port: UInt16 { address.port }
    var figures: Counts { counts.withLock { $0 } }
    /// Where the last datagram came from: the gateway's own upstream socket.
    var peer: Address? { lastSender.withLock { $0 } }

    func stop() { isStopped.withLock { $0 = true } }

    private func serve(_ answer: ([UInt8]) -> [UInt8]?) {
        while !isStopped.withLock({ $0 }) {
            guard let (bytes, sender) = try? socket.receiveDatagram(within: 0.2) else { continue }
            lastSender.withLock { $0 = sender }
            counts.withLock {
                $0.received += 1
                $0.receivedBytes += bytes.count
            }
            guard let reply = answer(bytes) else { continue }
            guard (try? socket.send(reply, to: sender)) != nil else { continue }
            counts.withLock {
                $0.sent += 1
                $0.sentBytes += reply.count
            }
        }
    }
}

/// A name server over UDP that knows a few names and remembers every question.
///
/// ## Concurrency
/// As `UDPOrigin`.
final class NameServer: Sendable {
    private let log = NameLog()
    private let origin: UDPOrigin

    /// Answers A and AAAA questions from `records` (lower-case name → addresses); other names do
    /// not exist; `silent` names get no answer.
    init(_ records: [String: [String]], silent: Set<String> = []) throws {
        let log = log
        origin = try UDPOrigin { query in
            guard let question = DNSQuestion(query) else { return nil }
            log.add(question.name)
            if silent.contains(question.name) { return nil }
            return question.answer(records[question.name])
        }
    }

    var address: Address { origin.address }
    /// Every name asked for, in lower case, in order.
    var questions: [String] { log.names }
    func stop() { origin.stop() }
}

/// Names in the order they were asked for.
private final class NameLog: Sendable {
    private let state = Mutex<[String]>([])
    var names: [String] { state.withLock { $0 } }
    func add(_ name: String) { state.withLock { $0.append(name) } }
}

/// The first question of a DNS query (RFC 1035 §4.1).
private struct DNSQuestion {
    let query: [UInt8]
    let name: String
    let end: Int
    let type: Int

    init?(_ query: [UInt8]) {
        var labels: [String] = []
        var position = 12
        while position < query.count, query[position] != 0 {
            let next = position + 1 + Int(query[position])
            guard next < query.count else { return nil }
            labels.append(String(decoding: query[position + 1..<next], as: UTF8.self))
            position = next
        }
        guard position + 5 <= query.count else { return nil }
        self.query = query
        name = labels.joined(separator: ".").lowercased()
        end = position + 5
        type = Int(query[position + 1]) << 8 | Int(query[position + 2])
    }

    /// A response with those of `addresses` that the type asks for; NXDOMAIN for nil.
    func answer(_ addresses: [String]?) -> [UInt8] {
        let matching = (addresses ?? []).map { Address($0, 0).bytes }
            .filter { type == ($0.count == 4 ? 1 : 28) }
        var response = Array(query[..<2]) + [0x81, addresses == nil ? 0x83 : 0x80]
        response += [0, 1, 0, UInt8(matching.count), 0, 0, 0, 0]
        response += query[12..<end]
        for bytes in matching {
            response += [0xc0, 12, 0, UInt8(type), 0, 1, 0, 0, 0, 60, 0, UInt8(bytes.count)]
            response += bytes
        }
        return response
    }
}

/// A name server over TCP (RFC 1035 §4.2.2) that knows IPv4 addresses.
final class TCPNameServer {
    private let origin: TCPOrigin
    var address: Address { origin.address }

    init(_ records: [String: String]) throws {
        origin = try TCPOrigin { connection in
            while true {
                let length = try connection.socket.receive(exactly: 2)
                let query = try connection.socket.receive(
                    exactly: Int(length[0]) << 8 | Int(length[1]))
                guard let question = DNSQuestion(query) else { return }
                let answer = question.answer(records[question.name].map { [$0] })
                try connection.send(
                    [UInt8(answer.count >> 8), UInt8(answer.count & 255)] + answer)
            }
        }
    }
}

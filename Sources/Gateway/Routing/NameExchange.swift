import Bytes
import Codecs
import LinuxIO
import Loop
import Model

/// One question to one name server: a UDP socket of its own with a port that nobody can guess, or
/// a TCP connection.
///
/// ## Concurrency
/// Confined to its loop.
final class NameExchange: ReadinessHandler {
    /// What came of it.
    enum Event {
        /// A datagram, perhaps not the answer.
        case datagram(UnsafeRawBufferPointer, source: Endpoint)
        /// A whole message over TCP.
        case message(UnsafeRawBufferPointer)
        /// The socket failed.
        case failed
    }

    private let loop: EventLoop
    private let inbox: DatagramInbox
    /// Leads to the server where that is not asked directly; over TCP only.
    private let router: Router?
    private let report: (Event) -> Void
    private var descriptor = Descriptor.none
    private var registration = Registration.none
    private var stream: StreamSocket?
    private var isClosed = false

    init(
        _ loop: EventLoop, inbox: DatagramInbox, router: Router?,
        report: @escaping (Event) -> Void
    ) {
        self.loop = loop
        self.inbox = inbox
        self.router = router
        self.report = report
    }

    /// Sends the question. A failure is reported later, never from within this call.
    func ask(_ query: DNS.Query, _ server: NameServer, deadlineNanoseconds: UInt64) {
        let message = [UInt8](capacity: DNS.Query.maximumByteCount) { query.encode(into: &$0) }
        switch server.transport {
        case .udp:
            precondition(router == nil, "a chain is a stream")
            do throws(Errno) {
                try sendDatagram(message, to: server.endpoint)
            } catch {
                failLater()
            }
        case .tcp:
            loop.start { [self] in
                await loop.nextTurn()
                await exchange(message, server.endpoint, deadlineNanoseconds)
            }
        }
    }

    /// Closes what was opened; nothing is reported afterwards.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        if descriptor.isOpen { loop.close(descriptor, registration) }
        stream?.cut()
    }

    private func failLater() {
        loop.start { [self] in
            await loop.nextTurn()
            tell(.failed)
        }
    }

    private func tell(_ event: Event) {
        if !isClosed { report(event) }
    }

    // MARK: UDP

    private func sendDatagram(_ message: [UInt8], to server: Endpoint) throws(Errno) {
        let unspecified: IPAddress = server.address.isV4 ? .anyV4 : .anyV6
        descriptor = try loop.driver.bindDatagrams(
            at: Endpoint(unspecified, 0), options: DatagramOptions(receiveBufferBytes: 65_536))
        registration = try loop.register(descriptor, self, tag: 0)
        let outbox = DatagramOutbox()
        let result = message.withUnsafeBytes { bytes in
            outbox.begin(to: server, from: .anyV6)
            outbox.append(bytes)
            return loop.driver.sendDatagrams(descriptor, outbox, from: 0)
        }
        if case .failed(let error) = result { throw error }
    }

    func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        var failures = 0
        while !isClosed && failures < Limits.transfersPerTurn {
            let count: Int
            switch loop.driver.receiveDatagrams(descriptor, into: inbox) {
            case .bytes(let received): count = received
            // An error is reported instead of what may wait behind it, and there is no new edge.
            case .failed:
                failures += 1
                continue
            case .wouldBlock: return
            }
            for index in 0..<count where !isClosed {
                let message = inbox.messages[index]
                let bytes = UnsafeRawBufferPointer(
                    start: inbox.bytes(index), count: message.count)
                tell(.datagram(bytes, source: message.source))
            }
        }
    }

    // MARK: TCP

    private func exchange(_ message: [UInt8], _ server: Endpoint, _ deadline: UInt64) async {
        if isClosed { return }
        do throws(StreamFault) {
            guard let stream = try await connect(to: server, deadline) else {
                return tell(.failed)
            }
            defer { stream.close() }
            if isClosed { return }
            stream.setDeadline(nanoseconds: deadline)
            let length = UInt16(message.count)
            try await stream.write(
                [UInt8(length >> 8), UInt8(truncatingIfNeeded: length)] + message)
            let answer = try await readMessage(stream)
            answer.withUnsafeBytes { tell(.message($0)) }
        } catch {
            tell(.failed)
        }
    }

    /// A stream to the server; nil where a chain did not lead there.
    private func connect(
        to server: Endpoint, _ deadline: UInt64
    ) async throws(StreamFault) -> StreamSocket? {
        guard let router else {
            return try await StreamSocket.connect(
                to: server, loop: loop, deadlineNanoseconds: deadline,
                onStart: { self.stream = $0 })
        }
        do throws(DialFault) {
            // Nobody in particular asks: answers are kept for all.
            return try await router.dial(
                RouteQuery(Destination(server), client: Endpoint(.loopbackV4, 0), user: nil),
                deadlineNanoseconds: deadline, onStart: { self.stream = $0 }
            ).socket
        } catch {
            return nil
        }
    }

    /// One message behind its two-byte length (RFC 1035 §4.2.2), collected in memory of its own:
    /// it may be longer than a handshake's buffer.
    private func readMessage(_ stream: StreamSocket) async throws(StreamFault) -> [UInt8] {
        var collected: [UInt8] = []
        while true {
            collected += stream.unread
            stream.consume(stream.unread.count)
            if collected.count >= 2 {
                let length = Int(collected[0]) << 8 | Int(collected[1])
                if collected.count >= 2 + length { return Array(collected[2..<(2 + length)]) }
            }
            try await stream.fill()
        }
    }
}

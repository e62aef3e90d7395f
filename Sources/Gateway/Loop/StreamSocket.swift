package import LinuxIO
package import Model

/// Why a stream could not go on.
package enum StreamFault: Error, Equatable, Sendable {
    /// The peer ended its direction before all that was expected had come.
    case ended
    /// The deadline passed.
    case timedOut
    /// A system call failed; a reset is `ECONNRESET`.
    case failed(Errno)
    /// The gateway cut it.
    case cut
}

/// A connected stream while a handshake runs on it: straight-line reads and writes with a deadline.
///
/// When the handshake is over, `detach` hands descriptor, registration and unread bytes to a relay,
/// and this object and its task end.
///
/// ## Concurrency
/// Confined to its loop. One task uses it; at most one read or write waits at a time.
package final class StreamSocket: ReadinessHandler, TimerHandler {
    /// The loop that it lives on.
    package let loop: EventLoop
    /// Who holds the other end of the connection itself: the client, or a proxy in front of it.
    package let neighbor: Endpoint
    /// What the proxy in front said of its client; nil where there is none, or it said nothing.
    package private(set) var introduction: Introduction?
    private let local: Endpoint?
    private var descriptor: Descriptor
    private var registration = Registration.none
    private var readiness: Readiness = []
    private var waiter: UnsafeContinuation<Void, Never>?
    private var awaited: Readiness = []
    /// Why nothing goes on; nil while the stream works.
    package private(set) var fault: StreamFault?
    /// Told of everything that could let a caller of `receive` or `send` go on; nil where a task
    /// waits in `fill` or `write`. Dropped when the stream is closed or handed over.
    package var observer: (any StreamObserver)?
    private var timer = TimerToken.none
    private var block: UnsafeMutableRawBufferPointer?
    private var head = 0
    private var tail = 0
    /// Bytes received so far, unread ones included.
    package private(set) var receivedBytes: UInt64 = 0
    /// Bytes that the kernel took so far.
    package private(set) var sentBytes: UInt64 = 0

    /// Takes over an open descriptor and registers it. `local` is the address on our side, where
    /// it is known without asking the kernel.
    package init(
        _ descriptor: Descriptor, peer: Endpoint, local: Endpoint? = nil, loop: EventLoop
    ) throws(Errno) {
        self.loop = loop
        neighbor = peer
        self.local = local
        self.descriptor = descriptor
        do throws(Errno) {
            registration = try loop.register(descriptor, self, tag: 0)
        } catch {
            loop.driver.close(descriptor)
            self.descriptor = .none
            throw error
        }
    }

    /// Connects to an endpoint before `deadlineNanoseconds` of the loop's clock.
    package static func connect(
        to endpoint: Endpoint, by egress: Egress = .anywhere, loop: EventLoop,
        deadlineNanoseconds: UInt64,
        onStart: (StreamSocket) -> Void
    ) async throws(StreamFault) -> StreamSocket {
        let socket: StreamSocket
        do throws(Errno) {
            socket = try StreamSocket(
                try loop.driver.connect(to: endpoint, by: egress), peer: endpoint, loop: loop)
        } catch {
            throw .failed(error)
        }
        onStart(socket)
        socket.setDeadline(nanoseconds: deadlineNanoseconds)
        do throws(StreamFault) {
            try await socket.wait(for: .writable)
        } catch {
            socket.close()
            throw error
        }
        // A connect that failed is ready with a failure; asking otherwise would cost a call.
        if socket.readiness.contains(.failed),
            let error = loop.driver.socketError(socket.descriptor)
        {
            socket.close()
            throw .failed(error)
        }
        return socket
    }

    // MARK: Deadlines and cuts

    /// Whatever waits, now or later, fails with `timedOut` when that moment comes.
    package func setDeadline(nanoseconds: UInt64) {
        loop.cancel(timer)
        timer = loop.arm(atNanoseconds: nanoseconds, self)
    }

    /// Nothing times out any more.
    package func clearDeadline() {
        loop.cancel(timer)
        timer = .none
    }

    /// Makes a stream whose deadline passed usable again, for a last word.
    package func forgiveTimeout() {
        if fault == .timedOut { fault = nil }
    }

    /// Whatever waits, now or later, fails with `cut`.
    package func cut() { fail(.cut) }

    package func timerFired(tag: UInt8) {
        timer = .none
        fail(.timedOut)
    }

    package func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        self.readiness.formUnion(readiness)
        if !awaited.isDisjoint(with: self.readiness) { wake() }
        observer?.streamChanged(self)
    }

    private func fail(_ fault: StreamFault) {
        if self.fault == nil { self.fault = fault }
        wake()
        observer?.streamChanged(self)
    }

    private func wake() {
        guard let waiter else { return }
        self.waiter = nil
        awaited = []
        waiter.resume()
    }

    private func wait(for wanted: Readiness) async throws(StreamFault) {
        if let fault { throw fault }
        if !readiness.isDisjoint(with: wanted) { return }
        precondition(waiter == nil, "two tasks wait on one stream")
        awaited = wanted
        await withUnsafeContinuation { waiter = $0 }
        if let fault { throw fault }
    }

    // MARK: Reading

    /// The bytes received and not yet consumed. Valid until the next call.
    package var unread: UnsafeRawBufferPointer {
        guard let block else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: block[head..<tail])
    }

    /// Drops bytes from the front of `unread`.
    package func consume(_ count: Int) {
        precondition(count <= tail - head, "more was consumed than had come")
        head += count
        if head == tail { (head, tail) = (0, 0) }
    }

    /// Waits for more bytes and puts them behind `unread`. Fails with `ended` at the stream's end.
    package func fill() async throws(StreamFault) {
        while true {
            try await wait(for: .readable)
            let space = makeSpace()
            switch loop.driver.receive(descriptor, into: space) {
            case .bytes(0):
                throw .ended
            case .bytes(let count):
                if count < space.count && !readiness.contains(.peerEnded) {
                    readiness.remove(.readable)
                }
                tail += count
                receivedBytes &+= UInt64(count)
                return
            case .wouldBlock:
                readiness.remove(.readable)
            case .failed(let error):
                throw .failed(error)
            }
        }
    }

    private func makeSpace() -> UnsafeMutableRawBufferPointer {
        let block = self.block ?? loop.takeBlock()
        self.block = block
        if head > 0 {
            block.copyMemory(from: unread)
            (head, tail) = (0, tail - head)
        }
        precondition(tail < block.count, "a handshake message is longer than its buffer")
        return UnsafeMutableRawBufferPointer(rebasing: block[tail...])
    }

    // MARK: Writing

    /// Writes all bytes, waiting where the kernel is full.
    package func write(_ bytes: [UInt8]) async throws(StreamFault) {
        var offset = 0
        while offset < bytes.count {
            try await wait(for: .writable)
            let result = bytes.withUnsafeBytes { all in
                loop.driver.send(descriptor, UnsafeRawBufferPointer(rebasing: all[offset...]))
            }
            switch result {
            case .bytes(let count):
                offset += count
                sentBytes &+= UInt64(count)
            case .wouldBlock:
                readiness.remove(.writable)
            case .failed(let error):
                throw .failed(error)
            }
        }
    }

    // MARK: Without waiting

    /// Whether `receive` may find something: bytes, the end or an error.
    package var isReadable: Bool { readiness.contains(.readable) }
    /// Whether `send` may find room.
    package var isWritable: Bool { readiness.contains(.writable) }
    /// Whether the peer has ended its direction or the stream failed, as far as was reported.
    package var isEnding: Bool { !readiness.isDisjoint(with: [.peerEnded, .failed]) }
    /// Whether the stream failed, as far as was reported.
    package var isBroken: Bool { readiness.contains(.failed) }

    /// Reads what has arrived, past `unread`: use one or the other.
    package func receive(into space: UnsafeMutableRawBufferPointer) -> Transfer {
        guard readiness.contains(.readable) else { return .wouldBlock }
        let result = loop.driver.receive(descriptor, into: space)
        switch result {
        case .bytes(let count):
            if count > 0 && count < space.count && !readiness.contains(.peerEnded) {
                readiness.remove(.readable)
            }
            receivedBytes &+= UInt64(count)
        case .wouldBlock:
            readiness.remove(.readable)
        case .failed:
            break
        }
        return result
    }

    /// Writes what fits.
    package func send(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        guard readiness.contains(.writable) else { return .wouldBlock }
        let result = loop.driver.send(descriptor, bytes)
        switch result {
        case .bytes(let count):
            if count < bytes.count { readiness.remove(.writable) }
            sentBytes &+= UInt64(count)
        case .wouldBlock:
            readiness.remove(.writable)
        case .failed:
            break
        }
        return result
    }

    // MARK: Facts

    /// Who is on the other end: whom the proxy in front connects for, or else the neighbor itself.
    package var peer: Endpoint { introduction?.client ?? neighbor }

    /// From now on the peer is whom the neighbor speaks for. Call it before anybody asks.
    package func introduce(_ introduction: Introduction) { self.introduction = introduction }

    /// The address on our side.
    package func localEndpoint() throws(Errno) -> Endpoint {
        if let local { return local }
        return try loop.driver.localEndpoint(descriptor)
    }

    // MARK: Ending

    /// What a relay takes over.
    package struct Detached {
        /// The open descriptor.
        package let descriptor: Descriptor
        /// Its registration; rebind it before anything else.
        package let registration: Registration
        /// Readiness known so far. It will not be reported again.
        package let readiness: Readiness
    }

    /// Hands the open stream over. Read `unread` first: the bytes in it are dropped.
    package func detach() -> Detached {
        let detached = Detached(
            descriptor: descriptor, registration: registration, readiness: readiness)
        descriptor = .none
        letGo()
        return detached
    }

    /// Ends our direction in order; reading goes on.
    package func shutdownSending() { loop.driver.shutdownSending(descriptor) }

    /// Closes with a reset instead of an orderly end.
    package func reset() {
        if descriptor.isOpen { loop.driver.resetOnClose(descriptor) }
        close()
    }

    /// Closes the stream. A second time does nothing.
    package func close() {
        guard descriptor.isOpen else { return }
        loop.close(descriptor, registration)
        descriptor = .none
        letGo()
    }

    private func letGo() {
        clearDeadline()
        registration = .none
        if let block { loop.giveBlock(block) }
        block = nil
        (head, tail) = (0, 0)
        if fault == nil { fault = .cut }
        observer = nil
        wake()
    }
}

/// What moves bytes on streams without a task waiting on each.
package protocol StreamObserver: AnyObject {
    /// A stream became readable or writable, failed or was cut. Called on the loop; the stream may
    /// be closed within.
    func streamChanged(_ stream: StreamSocket)
}

import KernelTesting
import LinuxIO
import Model

/// A simulated kernel whose process may die at any call, and that keeps a tally of what it took.
///
/// ## Concurrency
/// One thread: the test's.
final class MortalDriver: IODriver {
    private let kernel: SimulatedDriver
    private let life: Life
    private let tally: KernelTally

    init(_ kernel: SimulatedDriver, _ life: Life, _ tally: KernelTally) {
        self.kernel = kernel
        self.life = life
        self.tally = tally
    }

    /// What calls that open something fail with after the end; nobody hears it any more.
    private var dead: Errno { .addressInUse }

    // MARK: Time, chance, readiness

    func monotonicNanoseconds() -> UInt64 { kernel.monotonicNanoseconds() }
    func wallMilliseconds() -> Int64 { kernel.wallMilliseconds() }
    func randomWord() -> UInt64 { kernel.randomWord() }
    var waker: any Waker { kernel.waker }

    func watch(_ descriptor: Descriptor, token: UInt64) throws(Errno) {
        if !life.isOver { try kernel.watch(descriptor, token: token) }
    }

    func wait(
        into events: UnsafeMutableBufferPointer<ReadyEvent>, timeoutNanoseconds: UInt64?
    ) -> Int {
        life.isOver ? 0 : kernel.wait(into: events, timeoutNanoseconds: timeoutNanoseconds)
    }

    // MARK: Streams

    func listen(at endpoint: Endpoint, options: ListenOptions) throws(Errno) -> Descriptor {
        if life.isOver { throw dead }
        return try kernel.listen(at: endpoint, options: options)
    }

    func listen(atPath path: String) throws(Errno) -> Descriptor {
        if life.isOver { throw dead }
        return try kernel.listen(atPath: path)
    }

    func accept(_ listener: Descriptor) -> Accepted {
        if life.isOver { return .wouldBlock }
        let accepted = kernel.accept(listener)
        if case .connection(let descriptor, let peer) = accepted {
            tally.accepted(descriptor, peer: peer)
            tally.nothingSent()
            life.callMade()
        }
        return accepted
    }

    func connect(to endpoint: Endpoint, by egress: Egress) throws(Errno) -> Descriptor {
        if life.isOver { throw dead }
        let descriptor = try kernel.connect(to: endpoint, by: egress)
        tally.connecting(descriptor, local: try kernel.localEndpoint(descriptor))
        return descriptor
    }

    func socketError(_ descriptor: Descriptor) -> Errno? {
        life.isOver ? dead : kernel.socketError(descriptor)
    }

    func localEndpoint(_ descriptor: Descriptor) throws(Errno) -> Endpoint {
        if life.isOver { throw dead }
        return try kernel.localEndpoint(descriptor)
    }

    func receive(_ descriptor: Descriptor, into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        if life.isOver { return .wouldBlock }
        let result = kernel.receive(descriptor, into: buffer)
        tally.nothingSent()
        life.callMade()
        return result
    }

    func send(_ descriptor: Descriptor, _ bytes: UnsafeRawBufferPointer) -> Transfer {
        if life.isOver { return .wouldBlock }
        let result = kernel.send(descriptor, bytes)
        moved(result, to: descriptor)
        return result
    }

    private func moved(_ result: Transfer, to descriptor: Descriptor) {
        if case .bytes(let count) = result { tally.sent(descriptor, count) }
        life.callMade(isSend: true)
    }

    func shutdownSending(_ descriptor: Descriptor) {
        if !life.isOver { kernel.shutdownSending(descriptor) }
    }

    func resetOnClose(_ descriptor: Descriptor) {
        if !life.isOver { kernel.resetOnClose(descriptor) }
    }

    func close(_ descriptor: Descriptor) {
        if life.isOver { return }
        kernel.close(descriptor)
        tally.closed(descriptor)
        tally.nothingSent()
        life.callMade()
    }

    // MARK: Splicing

    func makePipe(capacity: Int) throws(Errno) -> Pipe {
        if life.isOver { throw dead }
        return try kernel.makePipe(capacity: capacity)
    }

    func splice(from source: Descriptor, to sink: Descriptor, count: Int) -> Transfer {
        if life.isOver { return .wouldBlock }
        let result = kernel.splice(from: source, to: sink, count: count)
        tally.spliceCount += 1
        moved(result, to: sink)
        return result
    }

    // MARK: Datagrams

    func bindDatagrams(
        at endpoint: Endpoint, options: DatagramOptions
    ) throws(Errno) -> Descriptor {
        if life.isOver { throw dead }
        let descriptor = try kernel.bindDatagrams(at: endpoint, options: options)
        tally.bound(descriptor, try kernel.localEndpoint(descriptor))
        return descriptor
    }

    func receiveDatagrams(_ descriptor: Descriptor, into inbox: DatagramInbox) -> Transfer {
        if life.isOver { return .wouldBlock }
        return kernel.receiveDatagrams(descriptor, into: inbox)
    }

    func sendDatagrams(
        _ descriptor: Descriptor, _ outbox: DatagramOutbox, from first: Int
    ) -> Transfer {
        if life.isOver { return .wouldBlock }
        let result = kernel.sendDatagrams(descriptor, outbox, from: first)
        if case .bytes(let count) = result {
            tally.sent(descriptor, outbox, first..<(first + count))
        }
        life.callMade(isSend: true)
        return result
    }
}

import LinuxIO
import Model

/// A kernel whose calls cost next to nothing: what is left is ours.
///
/// Odd descriptors always have bytes to read, even ones never; every write is taken whole. A wait
/// takes a fixed time on the kernel's clock, so that what happens once a second happens as often as
/// under load.
///
/// ## Concurrency
/// Confined to its loop, like every driver.
final class FreeKernel: IODriver {
    /// How many bytes a read brings.
    var readBytes = 64
    /// How many clients send datagrams, by turns, to the socket that was bound first.
    var clients = 1
    /// Datagrams that arrive joined.
    var trainLength = 1
    /// Nanoseconds that pass with each wait.
    var waitNanoseconds: UInt64 = 0
    /// Reads from sockets, and datagrams received, so far.
    private(set) var reads = 0
    private(set) var datagramSource = Descriptor.none
    /// Tokens that are reported in each wait.
    private var reported: [UInt64] = []

    private static let ready: Readiness = [.readable, .writable]
    private static let pipe: Int32 = 1 << 20

    private var tokens: [Int32: UInt64] = [:]
    private var nextDescriptor: Int32 = 10
    private var now: UInt64 = 1
    private let epochMilliseconds: Int64 = 1_760_000_000_000

    let waker: any Waker = NoWaker()

    private final class NoWaker: Waker {
        func wake() {}
    }

    /// A new descriptor number.
    func open() -> Descriptor {
        nextDescriptor += 1
        return Descriptor(nextDescriptor)
    }

    /// Reports these watched descriptors in each wait from now on, and no others.
    func report(_ descriptors: [Descriptor]) {
        reported = descriptors.compactMap { tokens[$0.number] }
    }

    func monotonicNanoseconds() -> UInt64 { now }
    func wallMilliseconds() -> Int64 { epochMilliseconds + Int64(now / 1_000_000) }
    func randomWord() -> UInt64 { 4 }

    func watch(_ descriptor: Descriptor, token: UInt64) throws(Errno) {
        tokens[descriptor.number] = token
    }

    func wait(into events: UnsafeMutableBufferPointer<ReadyEvent>, timeoutNanoseconds: UInt64?)
        -> Int
    {
        now &+= waitNanoseconds
        for (index, token) in reported.enumerated() {
            events[index] = ReadyEvent(token: token, readiness: Self.ready)
        }
        return reported.count
    }

    func receive(_ descriptor: Descriptor, into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        guard descriptor.number % 2 == 1 else { return .wouldBlock }
        reads &+= 1
        return .bytes(readBytes)
    }

    func send(_ descriptor: Descriptor, _ bytes: UnsafeRawBufferPointer) -> Transfer {
        .bytes(bytes.count)
    }

    func splice(from source: Descriptor, to sink: Descriptor, count: Int) -> Transfer {
        if source.number == Self.pipe { return .bytes(count) }
        guard source.number % 2 == 1 else { return .wouldBlock }
        reads &+= 1
        return .bytes(count)
    }

    func makePipe(capacity: Int) throws(Errno) -> Pipe {
        Pipe(reading: Descriptor(Self.pipe), writing: Descriptor(Self.pipe), capacity: capacity)
    }

    func listen(at endpoint: Endpoint, options: ListenOptions) throws(Errno) -> Descriptor {
        open()
    }
    func listen(atPath path: String) throws(Errno) -> Descriptor { open() }
    func accept(_ listener: Descriptor) -> Accepted { .wouldBlock }
    func connect(to endpoint: Endpoint, by egress: Egress) throws(Errno) -> Descriptor { open() }
    func socketError(_ descriptor: Descriptor) -> Errno? { nil }
    func localEndpoint(_ descriptor: Descriptor) throws(Errno) -> Endpoint {
        Endpoint(.loopbackV4, 1)
    }
    func shutdownSending(_ descriptor: Descriptor) {}
    func resetOnClose(_ descriptor: Descriptor) {}
    func close(_ descriptor: Descriptor) {}
    func bindDatagrams(at endpoint: Endpoint, options: DatagramOptions) throws(Errno) -> Descriptor
    {
        let descriptor = open()
        if !datagramSource.isOpen { datagramSource = descriptor }
        return descriptor
    }

    func receiveDatagrams(_ descriptor: Descriptor, into inbox: DatagramInbox) -> Transfer {
        guard descriptor == datagramSource else { return .wouldBlock }
        for index in 0..<inbox.capacity {
            inbox.messages[index] = DatagramInbox.Message(
                source: Endpoint(.loopbackV4, UInt16(1000 + index % clients)), local: .loopbackV4,
                count: readBytes * trainLength, segmentBytes: trainLength > 1 ? readBytes : 0,
                isTruncated: false)
        }
        reads &+= inbox.capacity * trainLength
        return .bytes(inbox.capacity)
    }

    func sendDatagrams(_ descriptor: Descriptor, _ outbox: DatagramOutbox, from first: Int)
        -> Transfer
    {
        .bytes(outbox.messages.count - first)
    }
}

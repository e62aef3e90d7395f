package import Model

/// What a loop needs of a kernel. `EpollDriver` is Linux; tests bring a scripted one and a
/// simulated one. Nothing else in the gateway makes a socket call.
///
/// Contract, for every implementation:
/// - Descriptors are non-blocking and closed on exec.
/// - Readiness is edge-triggered: a descriptor is reported when it becomes ready, and once when it
///   is first watched if it is ready then. An operation is tried until `wouldBlock`, or until a
///   short count proves that there is no more: fewer bytes than `receive` or `send` had room for,
///   fewer messages than `receiveDatagrams` had. From `splice` a short count proves nothing, and
///   after `peerEnded` was reported `receive` must be called until it tells the end.
/// - Would-block is a value and EINTR is never seen. EBADF, EFAULT and ENOTSOCK trap: they are
///   bugs of ours.
///
/// ## Concurrency
/// One driver belongs to one loop and is called on its thread only, `waker` excepted.
package protocol IODriver: AnyObject {
    // MARK: Time and chance

    /// Nanoseconds on a clock that never steps.
    func monotonicNanoseconds() -> UInt64
    /// Milliseconds since 1970, UTC.
    func wallMilliseconds() -> Int64
    /// A random word.
    func randomWord() -> UInt64

    // MARK: Readiness

    /// Starts reporting a descriptor under `token`, in every direction. Closing ends it.
    func watch(_ descriptor: Descriptor, token: UInt64) throws(Errno)
    /// Sleeps until something is ready, the waker is used or the time is over; nil has no end.
    /// Returns how many of `events` were filled; 0 may come before the time is over.
    func wait(into events: UnsafeMutableBufferPointer<ReadyEvent>, timeoutNanoseconds: UInt64?)
        -> Int
    /// Ends a `wait` from any thread, now or the next one.
    var waker: any Waker { get }

    // MARK: Streams

    /// A listening TCP socket. An unspecified IPv6 address accepts both families.
    func listen(at endpoint: Endpoint, options: ListenOptions) throws(Errno) -> Descriptor
    /// A listening Unix socket with mode 0600, replacing a socket file that nobody listens on.
    func listen(atPath path: String) throws(Errno) -> Descriptor
    /// Takes one connection from a listening socket.
    func accept(_ listener: Descriptor) -> Accepted
    /// Starts to connect. Watch it; it becomes writable when it is connected or failed, and
    /// `socketError` tells which. A refusal that is known already is thrown; when it is that the
    /// socket cannot leave by `egress`, it says so (`Errno.isOfEgress`).
    func connect(to endpoint: Endpoint, by egress: Egress) throws(Errno) -> Descriptor
    /// Takes the pending error of a socket; nil when there is none.
    func socketError(_ descriptor: Descriptor) -> Errno?
    /// The address that the socket is bound to. For a Unix socket: unspecified.
    func localEndpoint(_ descriptor: Descriptor) throws(Errno) -> Endpoint
    /// Reads what has arrived. `bytes(0)` is the end of the stream.
    func receive(_ descriptor: Descriptor, into buffer: UnsafeMutableRawBufferPointer) -> Transfer
    /// Writes what fits.
    func send(_ descriptor: Descriptor, _ bytes: UnsafeRawBufferPointer) -> Transfer
    /// Ends our direction of a stream in order; errors are left to the next operation.
    func shutdownSending(_ descriptor: Descriptor)
    /// Bytes that the kernel took and the peer has not acknowledged; 0 where that is not known.
    func unsentBytes(_ descriptor: Descriptor) -> Int
    /// Makes `close` send a reset instead of an orderly end.
    func resetOnClose(_ descriptor: Descriptor)
    /// Ends a descriptor of any kind.
    func close(_ descriptor: Descriptor)

    // MARK: Splicing

    /// A pipe with at least `capacity` bytes if the kernel allows it, else what it allows. Each of
    /// its pages takes one fragment as it came, so it may be full with fewer bytes or hold more.
    func makePipe(capacity: Int) throws(Errno) -> Pipe
    /// Moves up to `count` bytes between a socket and a pipe without copying them out.
    /// `bytes(0)` from a socket is the end of the stream. `wouldBlock` does not tell which side
    /// was in the way.
    func splice(from source: Descriptor, to sink: Descriptor, count: Int) -> Transfer

    // MARK: Datagrams

    /// A bound UDP socket that receives trains (`UDP_GRO`) and tells local addresses. An
    /// unspecified IPv6 address serves both families; IPv4 peers appear as IPv4 addresses.
    func bindDatagrams(at endpoint: Endpoint, options: DatagramOptions) throws(Errno) -> Descriptor
    /// Receives up to `inbox.capacity` messages. On `.bytes(n)` n messages, not bytes, are there.
    func receiveDatagrams(_ descriptor: Descriptor, into inbox: DatagramInbox) -> Transfer
    /// Sends messages `first...` of the outbox, at most 64. On `.bytes(n)` n messages, not bytes,
    /// went out; on `.failed` the message `first` was refused and the others were not tried.
    func sendDatagrams(_ descriptor: Descriptor, _ outbox: DatagramOutbox, from first: Int)
        -> Transfer
}

extension IODriver {
    /// Starts to connect, by whichever way the kernel has.
    package func connect(to endpoint: Endpoint) throws(Errno) -> Descriptor {
        try connect(to: endpoint, by: .anywhere)
    }

    /// Not known.
    package func unsentBytes(_ descriptor: Descriptor) -> Int { 0 }
}

/// Ends a loop's wait from another thread.
package protocol Waker: AnyObject, Sendable {
    /// Ends the wait, now or the next one. Cheap when repeated.
    func wake()
}

/// What a byte-moving call did.
package enum Transfer: Equatable, Sendable {
    /// That many bytes (or messages) moved.
    case bytes(Int)
    /// Nothing now; readiness will be reported.
    case wouldBlock
    /// The call failed.
    case failed(Errno)
}

/// What `accept` did.
package enum Accepted: Equatable, Sendable {
    /// A connection and its peer; for Unix sockets the peer is unspecified.
    case connection(Descriptor, peer: Endpoint)
    /// Nobody waits.
    case wouldBlock
    /// The peer was gone before we took it, or a firewall refused: try the next.
    case lost(Errno)
    /// Descriptors or memory are exhausted: rest, then try again.
    case exhausted(Errno)
}

/// Directions in which a descriptor has become ready.
///
/// Inlinable, because every event asks: without it a literal such as `[.readable, .failed]`
/// allocates three times in other modules.
@usableFromInline
package struct Readiness: OptionSet, Sendable {
    @usableFromInline
    package let rawValue: UInt8

    @inlinable
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Bytes, an end or an error can be read.
    @inlinable package static var readable: Readiness { Readiness(rawValue: 1) }
    /// Something can be written, or an error can be taken.
    @inlinable package static var writable: Readiness { Readiness(rawValue: 2) }
    /// The peer has ended its direction; a short read does not prove that there is no more.
    @inlinable package static var peerEnded: Readiness { Readiness(rawValue: 4) }
    /// The socket has an error.
    @inlinable package static var failed: Readiness { Readiness(rawValue: 8) }
}

/// One readiness report.
package struct ReadyEvent: Sendable {
    /// The token given to `watch`.
    package var token: UInt64
    /// In which directions.
    package var readiness: Readiness

    package init(token: UInt64, readiness: Readiness) {
        self.token = token
        self.readiness = readiness
    }
}

/// How to listen.
package struct ListenOptions: Sendable {
    /// Whether several loops listen on the address, and the kernel spreads connections over them.
    package var isShared: Bool
    /// Connections that wait to be accepted.
    package var backlog: Int32

    package init(isShared: Bool = false, backlog: Int32 = 4096) {
        self.isShared = isShared
        self.backlog = backlog
    }
}

/// How to bind a UDP socket.
package struct DatagramOptions: Sendable {
    /// Whether several loops bind the address, and the kernel spreads peers over them.
    package var isShared: Bool
    /// The receive buffer asked for.
    package var receiveBufferBytes: Int32
    /// How datagrams leave; a source address is the one bound to, of whichever family.
    package var egress: Egress

    package init(
        isShared: Bool = false, receiveBufferBytes: Int32 = 4 << 20, egress: Egress = .anywhere
    ) {
        self.isShared = isShared
        self.receiveBufferBytes = receiveBufferBytes
        self.egress = egress
    }
}

/// A splice pipe's two ends.
package struct Pipe: Equatable, Sendable {
    /// Where bytes come out.
    package let reading: Descriptor
    /// Where bytes go in.
    package let writing: Descriptor
    /// How many bytes it holds at most.
    package let capacity: Int

    package init(reading: Descriptor, writing: Descriptor, capacity: Int) {
        self.reading = reading
        self.writing = writing
        self.capacity = capacity
    }
}

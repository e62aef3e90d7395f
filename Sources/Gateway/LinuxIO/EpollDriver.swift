import CLinux
import Glibc
import Synchronization

/// The Linux kernel, through epoll and plain system calls.
///
/// The contract is `IODriver`'s; the extensions hold its parts: streams, splicing, datagrams. The
/// first driver of a process makes it ignore SIGPIPE, because `splice` cannot be asked not to raise
/// it.
///
/// ## Concurrency
/// Belongs to one loop and is called on its thread only; `waker` may be used by any thread, also
/// after the driver is gone.
package final class EpollDriver: IODriver {
    private let epoll: Int32
    private let eventWaker: EventWaker
    private let ready: UnsafeMutablePointer<weir_ready>
    private var chance = RandomWords()
    /// Message headers of this loop's datagram batches.
    let arena: OpaquePointer
    /// What the kernel said of the messages received last.
    let received: UnsafeMutablePointer<weir_received>
    /// The family of each bound UDP socket, by descriptor number, so that no call has to be made
    /// to encode an address.
    var datagramFamilies: [SocketFamily?] = []

    /// The token under which the waker is watched; nothing else may use it.
    private static let wakerToken = UInt64.max
    private static let eventsPerWait = 256

    /// A driver with nothing to watch. Fails when the process is out of descriptors.
    package init() throws(Errno) {
        Process.ignoreBrokenPipes()
        let epoll = try SystemCall.value(weir_epoll_create(), "epoll_create1")
        let event = weir_eventfd()
        guard event >= 0, let arena = weir_datagram_arena_create() else {
            weir_close(epoll)
            if event >= 0 { weir_close(event) }
            throw Errno(event >= 0 ? ENOMEM : -event, in: "eventfd")
        }
        self.epoll = epoll
        self.arena = arena
        eventWaker = EventWaker(owning: event)
        ready = .allocate(capacity: Self.eventsPerWait)
        received = .allocate(capacity: Int(weir_batch_messages()))
        let added = weir_epoll_add(epoll, event, Self.wakerToken)
        if added < 0 { throw Errno(-added, in: "epoll_ctl") }
    }

    deinit {
        weir_close(epoll)
        weir_datagram_arena_destroy(arena)
        ready.deallocate()
        received.deallocate()
    }

    package var waker: any Waker { eventWaker }

    // MARK: Time and chance

    package func monotonicNanoseconds() -> UInt64 { weir_monotonic_nanoseconds() }
    package func wallMilliseconds() -> Int64 { weir_wall_milliseconds() }
    package func randomWord() -> UInt64 { chance.next() }

    // MARK: Readiness

    package func watch(_ descriptor: Descriptor, token: UInt64) throws(Errno) {
        precondition(token != Self.wakerToken, "this token is the waker's")
        _ = try SystemCall.value(weir_epoll_add(epoll, descriptor.number, token), "epoll_ctl")
    }

    package func wait(
        into events: UnsafeMutableBufferPointer<ReadyEvent>, timeoutNanoseconds: UInt64?
    ) -> Int {
        precondition(!events.isEmpty, "a wait needs room for one event")
        let timeout = timeoutNanoseconds.map { Int64(clamping: $0) } ?? -1
        let capacity = min(events.count, Self.eventsPerWait)
        let count = weir_epoll_wait(epoll, ready, Int32(capacity), timeout)
        SystemCall.always(count, "epoll_wait")
        var filled = 0
        for index in 0..<Int(count) {
            let report = ready[index]
            guard report.token != Self.wakerToken else {
                eventWaker.noteWoken()
                continue
            }
            events[filled] = ReadyEvent(
                token: report.token, readiness: Readiness(rawValue: report.bits))
            filled += 1
        }
        return filled
    }
}

/// Wakes an `EpollDriver` by an event descriptor.
///
/// ## Concurrency
/// `wake` may be called by any thread; `noteWoken` by the driver.
private final class EventWaker: Waker {
    private let descriptor: Int32
    private let isPending = Atomic<Bool>(false)

    /// Takes over an event descriptor, which is closed with the last reference.
    init(owning descriptor: Int32) { self.descriptor = descriptor }

    deinit { weir_close(descriptor) }

    func wake() {
        // One write per wait is enough. The exchange also publishes what the caller wrote before,
        // whether or not it writes: the loop's exchange in `noteWoken` comes after it.
        if isPending.exchange(true, ordering: .acquiringAndReleasing) { return }
        SystemCall.always(weir_eventfd_signal(descriptor), "write")
    }

    /// Lets the next `wake` write again. The counter is never read: each write makes an edge.
    func noteWoken() {
        _ = isPending.exchange(false, ordering: .acquiringAndReleasing)
    }
}

/// Random words from the kernel, 32 per call.
private struct RandomWords {
    private var words = [UInt64](repeating: 0, count: 32)
    private var used = 32

    mutating func next() -> UInt64 {
        if used == words.count {
            let count = words.withUnsafeMutableBytes { weir_random($0.baseAddress, $0.count) }
            precondition(Int(count) == words.count * 8, "getrandom came short")
            used = 0
        }
        defer { used += 1 }
        return words[used]
    }
}

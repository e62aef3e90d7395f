import Glibc
package import LinuxIO

/// A simulated kernel as one loop of the gateway sees it.
///
/// `wait` never sleeps: it lets happen what is due, reports edges and returns, with the time
/// unchanged. Whoever drives the simulation moves time on when every loop is idle.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread; `waker` may be used by any.
package final class SimulatedDriver: IODriver {
    /// The kernel that this driver's sockets live in.
    let kernel: SimulatedKernel
    /// Watches with an edge that was not reported yet.
    var readyList: [Watch] = []
    private var watches: [Watch] = []
    private let flag = WakeFlag()
    /// How often each call was made, so that tests can bound what an operation costs.
    package private(set) var calls: [Call: Int] = [:]

    /// Calls that are counted.
    package enum Call: Hashable, Sendable {
        case watch, wait, listen, accept, connect, receive, send, shutdownSending, close
        case makePipe, splice, bindDatagrams, receiveDatagrams, sendDatagrams
    }

    init(kernel: SimulatedKernel) { self.kernel = kernel }

    func count(_ call: Call) { calls[call, default: 0] += 1 }

    /// Forgets the calls counted so far.
    package func resetCalls() { calls = [:] }

    package var waker: any Waker { flag }

    /// Whether the next `wait` reports something, or was asked to return.
    package var hasWork: Bool { !readyList.isEmpty || flag.isRaised || kernel.hasDueEvents }

    package func monotonicNanoseconds() -> UInt64 { kernel.nowNanoseconds }
    package func wallMilliseconds() -> Int64 {
        kernel.bootMilliseconds + Int64(kernel.nowNanoseconds / 1_000_000)
    }
    package func randomWord() -> UInt64 { kernel.random(in: 0...UInt64.max) }

    // MARK: Readiness

    package func watch(_ descriptor: Descriptor, token: UInt64) throws(Errno) {
        count(.watch)
        let object = kernel.object(descriptor, "epoll_ctl")
        precondition(object.watch == nil, "epoll_ctl: the descriptor is watched already")
        if kernel.chance(kernel.faults.watchFailures) { throw Errno(ENOSPC, in: "epoll_ctl") }
        let watch = Watch(token: token, driver: self, object: object)
        object.watch = watch
        watches.append(watch)
        // epoll looks at once: what is ready now is the first edge.
        if !object.poll().isEmpty { watch.mark() }
    }

    package func wait(
        into events: UnsafeMutableBufferPointer<ReadyEvent>, timeoutNanoseconds: UInt64?
    ) -> Int {
        count(.wait)
        flag.lower()
        kernel.runDueEvents()
        watches.removeAll { $0.object?.watch !== $0 }
        markIdly()
        var filled = 0
        var taken = 0
        while taken < readyList.count && filled < events.count {
            let watch = readyList[taken]
            taken += 1
            watch.isMarked = false
            guard let object = watch.object, object.watch === watch else { continue }
            let readiness = object.poll()
            if readiness.isEmpty { continue }
            events[filled] = ReadyEvent(token: watch.token, readiness: readiness)
            filled += 1
        }
        readyList.removeFirst(taken)
        if filled < events.count { filled += reportIdly(into: events, at: filled) }
        return filled
    }

    /// Marks a watch that had no edge: it is reported if it is ready, as after a lost race.
    private func markIdly() {
        guard !watches.isEmpty, kernel.chance(kernel.faults.spuriousReadiness) else { return }
        watches[kernel.random(in: 0...(watches.count - 1))].mark()
    }

    /// Reports an established socket as ready although it may not be.
    private func reportIdly(
        into events: UnsafeMutableBufferPointer<ReadyEvent>, at index: Int
    ) -> Int {
        guard !watches.isEmpty, kernel.chance(kernel.faults.spuriousReadiness) else { return 0 }
        let watch = watches[kernel.random(in: 0...(watches.count - 1))]
        guard let object = watch.object, object.mayBeReportedIdly else { return 0 }
        let readiness: Readiness = kernel.chance(0.5) ? .readable : [.readable, .writable]
        events[index] = ReadyEvent(token: watch.token, readiness: readiness)
        return 1
    }

    package func close(_ descriptor: Descriptor) {
        count(.close)
        kernel.close(descriptor)
    }
}

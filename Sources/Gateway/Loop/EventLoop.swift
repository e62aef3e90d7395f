package import LinuxIO
import Model
import Synchronization

/// One thread's event loop: readiness, timers, tasks and fairness for everything that lives on it.
///
/// A flow is born, served and dies on one loop; nothing that moves bytes is shared between loops.
/// Asynchronous functions started with `spawn` run on the loop's thread only (the loop is their
/// task executor), so they may use loop-confined objects without locks.
///
/// The turn, in this order:
/// 1. sleep until something is ready, a timer is due or somebody wakes us;
/// 2. tell handlers of ready descriptors;
/// 3. take work from other threads;
/// 4. run resumed tasks;
/// 5. go on with flows that used up their share of the last turn;
/// 6. fire timers;
/// 7. let go of objects that ended in this turn.
///
/// ## Concurrency
/// `spawn`, `execute`, `enqueue` and `stop` may be called from any thread; the mailbox's lock
/// protects what they share. All else belongs to the loop's thread, and traps elsewhere in debug
/// builds. `@unchecked Sendable` because the compiler cannot see that confinement.
package final class EventLoop: TaskExecutor, @unchecked Sendable {
    /// Which of the gateway's loops this is, from 0.
    package let index: Int
    /// The kernel.
    package let driver: any IODriver
    /// Nanoseconds on a clock that never steps, read once per turn.
    package private(set) var nowNanoseconds: UInt64
    /// One buffer for reads, shared by all flows of the loop; empty between calls.
    package let scratch: UnsafeMutableRawBufferPointer

    private var slots = SlotTable()
    private var wheel: TimerWheel
    private var jobs: [UnownedJob] = []
    private var runningJobs: [UnownedJob] = []
    private var unfinished: [any Resumable] = []
    private var resuming: [any Resumable] = []
    private var ended: [AnyObject] = []
    private var blocks: [UnsafeMutableRawBufferPointer] = []
    private let events: UnsafeMutableBufferPointer<ReadyEvent>
    private let waker: any Waker
    private let mailbox = Mutex(Mailbox())
    /// Why the loop woke, since it started.
    package private(set) var wakeReasons = WakeReasons()

    private struct Mailbox {
        var jobs: [UnownedJob] = []
        var work: [@Sendable (EventLoop) -> Void] = []
        var mustStop = false
    }

    /// Counts of what each turn did; a loop that spins shows here.
    package struct WakeReasons: Sendable {
        /// Turns taken.
        package var turns: UInt64 = 0
        /// Readiness events handled.
        package var events: UInt64 = 0
        /// Events for registrations that were released already.
        package var staleEvents: UInt64 = 0
        /// Tasks resumed.
        package var jobs: UInt64 = 0
        /// Timers fired.
        package var timers: UInt64 = 0
    }

    /// A loop over a kernel. It does nothing until `run` or `turn`.
    package init(index: Int, driver: any IODriver) {
        self.index = index
        self.driver = driver
        nowNanoseconds = driver.monotonicNanoseconds()
        wheel = TimerWheel(nowNanoseconds: nowNanoseconds)
        scratch = .allocate(byteCount: Limits.scratchBytes, alignment: 64)
        events = .allocate(capacity: Limits.eventsPerTurn)
        events.initialize(repeating: ReadyEvent(token: 0, readiness: []))
        waker = driver.waker
    }

    deinit {
        scratch.deallocate()
        events.deallocate()
        for block in blocks { block.deallocate() }
    }

    // MARK: Running

    /// Whether the caller is on this loop's thread, inside a turn.
    package var isCurrent: Bool {
        ThreadSlot.current == Unmanaged.passUnretained(self).toOpaque()
    }

    /// Takes turns until `stop`. The calling thread is the loop's from now on.
    package func run() {
        while !mailbox.withLock({ $0.mustStop }) { turn(mayWait: true) }
    }

    /// Ends `run` after the present turn. Any thread.
    package func stop() {
        mailbox.withLock { $0.mustStop = true }
        waker.wake()
    }

    /// One turn. Without `mayWait` it does what is ready and returns at once.
    package func turn(mayWait: Bool) {
        let outer = ThreadSlot.current
        ThreadSlot.current = Unmanaged.passUnretained(self).toOpaque()
        defer { ThreadSlot.current = outer }

        let count = driver.wait(into: events, timeoutNanoseconds: mayWait ? sleepNanoseconds() : 0)
        nowNanoseconds = driver.monotonicNanoseconds()
        wakeReasons.turns &+= 1
        for index in 0..<count { dispatch(events[index]) }
        takeMail()
        runJobs()
        resumeUnfinished()
        fireTimers()
        ended.removeAll(keepingCapacity: true)
    }

    /// Whether a turn would do something now without waiting for the kernel.
    package var hasWork: Bool {
        if !jobs.isEmpty || !unfinished.isEmpty { return true }
        return mailbox.withLock { !$0.jobs.isEmpty || !$0.work.isEmpty }
    }

    /// When a timer is due next, at the latest; nil when none is armed.
    package var nextDeadlineNanoseconds: UInt64? { wheel.nextNanoseconds }

    private func sleepNanoseconds() -> UInt64? {
        if hasWork { return 0 }
        guard let next = wheel.nextNanoseconds else { return nil }
        let now = driver.monotonicNanoseconds()
        return next > now ? next - now : 0
    }

    private func dispatch(_ event: ReadyEvent) {
        guard let (handler, tag) = slots.handler(for: Registration(token: event.token)) else {
            wakeReasons.staleEvents &+= 1
            return
        }
        wakeReasons.events &+= 1
        handler.descriptorReady(event.readiness, tag: tag)
    }

    private func takeMail() {
        let work = mailbox.withLock { mail in
            jobs.append(contentsOf: mail.jobs)
            mail.jobs.removeAll(keepingCapacity: true)
            let work = mail.work
            mail.work.removeAll()
            return work
        }
        for item in work { item(self) }
    }

    private func runJobs() {
        swap(&jobs, &runningJobs)
        for job in runningJobs {
            wakeReasons.jobs &+= 1
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
        runningJobs.removeAll(keepingCapacity: true)
    }

    private func resumeUnfinished() {
        swap(&unfinished, &resuming)
        for item in resuming { item.resume() }
        resuming.removeAll(keepingCapacity: true)
    }

    private func fireTimers() {
        while let (handler, tag) = wheel.popDue(nowNanoseconds: nowNanoseconds) {
            wakeReasons.timers &+= 1
            handler.timerFired(tag: tag)
        }
    }

    // MARK: Work from anywhere

    /// Runs a task's next piece on this loop; called by the Swift runtime.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent {
            jobs.append(job)
            return
        }
        let wasEmpty = mailbox.withLock { mail in
            mail.jobs.append(job)
            return mail.jobs.count + mail.work.count == 1
        }
        if wasEmpty { waker.wake() }
    }

    /// Starts asynchronous work on this loop: at once when called on it. A bare `Task {}` would run
    /// on the global pool, 10 µs away.
    package func spawn(_ operation: @escaping @Sendable (EventLoop) async -> Void) {
        if isCurrent {
            Task.immediate(executorPreference: self) { await operation(self) }
        } else {
            Task(executorPreference: self) { await operation(self) }
        }
    }

    /// Runs a closure on the loop in its next turn, in order of the calls.
    package func execute(_ work: @escaping @Sendable (EventLoop) -> Void) {
        let wasEmpty = mailbox.withLock { mail in
            mail.work.append(work)
            return mail.jobs.count + mail.work.count == 1
        }
        if wasEmpty { waker.wake() }
    }

    // MARK: Descriptors

    /// Hears about a descriptor from now on. The loop keeps the handler alive until `release`.
    package func register(
        _ descriptor: Descriptor, _ handler: any ReadinessHandler, tag: UInt8
    ) throws(Errno) -> Registration {
        assertOnLoop()
        let registration = slots.insert(handler, tag: tag)
        do throws(Errno) {
            try driver.watch(descriptor, token: registration.token)
        } catch {
            slots.remove(registration)
            throw error
        }
        return registration
    }

    /// Hands a registration over to another handler; readiness already reported is not repeated.
    package func rebind(_ registration: Registration, to handler: any ReadinessHandler, tag: UInt8)
    {
        assertOnLoop()
        slots.rebind(registration, to: handler, tag: tag)
    }

    /// Forgets the handler and closes the descriptor. The handler stays alive to the turn's end,
    /// since it may be the caller.
    package func close(_ descriptor: Descriptor, _ registration: Registration) {
        assertOnLoop()
        if registration != .none {
            if let (handler, _) = slots.handler(for: registration) { ended.append(handler) }
            slots.remove(registration)
        }
        driver.close(descriptor)
    }

    /// How many descriptors are registered.
    package var registrationCount: Int { slots.count }

    // MARK: Timers

    /// Arms a timer. The loop keeps the handler alive until it fired or was cancelled. A delay
    /// that the clock cannot express never ends.
    package func arm(
        afterNanoseconds delay: UInt64, _ handler: any TimerHandler, tag: UInt8 = 0
    ) -> TimerToken {
        let (deadline, isBeyond) = nowNanoseconds.addingReportingOverflow(delay)
        return arm(atNanoseconds: isBeyond ? .max : deadline, handler, tag: tag)
    }

    /// Arms a timer for a moment on the loop's clock. One that has passed fires with the next tick,
    /// never in the turn that armed it.
    package func arm(
        atNanoseconds deadline: UInt64, _ handler: any TimerHandler, tag: UInt8 = 0
    ) -> TimerToken {
        assertOnLoop()
        return wheel.arm(atNanoseconds: max(deadline, nowNanoseconds + 1), handler, tag: tag)
    }

    /// Disarms a timer; one that fired already is no error.
    package func cancel(_ token: TimerToken) {
        assertOnLoop()
        wheel.cancel(token)
    }

    // MARK: Buffers

    /// A buffer of `Limits.handshakeBytes` for a handshake; give it back.
    package func takeBlock() -> UnsafeMutableRawBufferPointer {
        assertOnLoop()
        return blocks.popLast()
            ?? .allocate(byteCount: Limits.handshakeBytes, alignment: 16)
    }

    /// Takes a buffer back. A few are kept for the next handshakes.
    package func giveBlock(_ block: UnsafeMutableRawBufferPointer) {
        assertOnLoop()
        if blocks.count < Limits.sparesPerLoop { blocks.append(block) } else { block.deallocate() }
    }

    // MARK: Fairness

    /// Calls `item.resume()` later in this turn or in the next, after others had theirs.
    package func resumeLater(_ item: any Resumable) {
        assertOnLoop()
        unfinished.append(item)
    }

    /// Traps in debug builds when the caller is on another thread.
    package func assertOnLoop() {
        assert(isCurrent, "a loop's object was used off its loop")
    }
}

/// Something that used up its share of a turn and wants to go on.
package protocol Resumable: AnyObject {
    /// Goes on. Called on the loop.
    func resume()
}

import Loop
import Model

/// One loop's part of a supply: bytes that were granted in advance and not moved yet, and the
/// flows that wait for more.
///
/// Waiting flows are served in the order in which they began to wait, each with an equal share of
/// what is there; datagrams, which never wait, have one such share together while others do. There
/// is one timer for all of them.
///
/// ## Concurrency
/// Confined to its loop.
final class Allowance: TimerHandler, Resumable {
    let supply: any Supply
    private let loop: EventLoop
    private var sliceBytes: Int
    private var granted = 0
    private var waiting: [Waiter] = []
    /// Where the first waiter stands; what is before it was served.
    private var firstWaiting = 0
    /// What of `granted` is for datagrams while flows wait.
    private var setAside = 0
    /// Whether datagrams came since flows were served last.
    private var hasDatagrams = false
    private var timer = TimerToken.none
    private var isQueued = false
    private var isServing = false
    private(set) var isExhausted = false
    /// How many lanes of flows lead here.
    var laneCount = 0
    /// Whether something was moved since the shaper looked last.
    var wasUsed = false
    /// Whether the shaper looks after bytes that lie here unused.
    var isWatched = false
    /// Called when bytes were granted, so that the shaper looks after them.
    private let onGrant: (Allowance) -> Void

    struct Waiter {
        let limits: FlowLimits
        let direction: Direction
        /// Which of the flow's waits this is: a later one leaves this without meaning.
        let turn: UInt32
    }

    init(_ supply: any Supply, loop: EventLoop, onGrant: @escaping (Allowance) -> Void) {
        self.supply = supply
        self.loop = loop
        self.onGrant = onGrant
        sliceBytes = supply.sliceBytes
        supply.changeUsers(by: 1)
    }

    /// The last flow has left: what was not moved goes back.
    func close() {
        returnUnused()
        supply.changeUsers(by: -1)
        waiting.removeAll()
        firstWaiting = 0
        loop.cancel(timer)
        timer = .none
    }

    // MARK: Bytes

    /// Bytes that a flow may take now without waiting; 0 while others wait.
    var free: Int { hasWaiting ? 0 : ready }

    /// Bytes that are here, after asking for more when few are.
    private var ready: Int {
        if granted < max(1, sliceBytes / 4) { _ = ask(sliceBytes - granted) }
        return max(0, granted)
    }

    /// Asks the supply; when nothing comes, the moment to ask again.
    private func ask(_ wanted: Int) -> UInt64? {
        switch supply.take(wanted, nowNanoseconds: loop.nowNanoseconds) {
        case .bytes(let count):
            granted += count
            sliceBytes = supply.sliceBytes
            isExhausted = false
            onGrant(self)
            return nil
        case .later(let moment):
            isExhausted = false
            return moment
        case .exhausted:
            isExhausted = true
            return .max
        }
    }

    /// Bytes were moved, or are kept for a flow.
    func spend(_ count: Int) {
        granted -= count
        wasUsed = true
    }

    /// Bytes that were kept for a flow are not moved.
    func unspend(_ count: Int) { granted += count }

    /// Whether a datagram may pass; it is paid for. Where the supply lends, one that is larger than
    /// what is there passes and leaves a debt.
    func admits(_ bytes: Int) -> Bool {
        if hasWaiting {
            hasDatagrams = true
            guard setAside >= bytes || (supply.lends && setAside > 0) else { return false }
            setAside -= bytes
            return true
        }
        if granted < bytes { _ = ask(max(sliceBytes, bytes) - granted) }
        return granted >= bytes || (supply.lends && granted > 0)
    }

    /// Whether so many bytes are here, besides those that are kept for flows; asks for what is
    /// missing as long as any comes.
    func reaches(_ bytes: Int) -> Bool {
        while granted < bytes {
            let before = granted
            _ = ask(bytes - granted)
            if granted == before { return false }
        }
        return true
    }

    /// Gives what lies here back to the supply; a debt goes there too.
    func returnUnused() {
        guard granted != 0 else { return }
        supply.giveBack(granted, nowNanoseconds: loop.nowNanoseconds)
        granted = 0
    }

    // MARK: Waiting

    private var hasWaiting: Bool { firstWaiting < waiting.count }

    /// Lets a flow wait for its share.
    func enqueue(_ waiter: Waiter) {
        waiting.append(waiter)
        if !isServing { arm() }
    }

    func timerFired(tag: UInt8) {
        timer = .none
        serve()
    }

    func resume() {
        isQueued = false
        serve()
    }

    /// Gives waiting flows their shares: each once, as far as the bytes go.
    private func serve() {
        isServing = true
        var left = min(waiting.count - firstWaiting, Limits.limitedFlowsPerTurn)
        setAside = hasDatagrams ? ready / (left + 1) : 0
        hasDatagrams = false
        while left > 0, hasWaiting {
            let pot = ready - max(0, setAside)
            let isDry = pot <= 0
            if isDry && !isExhausted { break }
            let waiter = waiting[firstWaiting]
            firstWaiting += 1
            left -= 1
            guard waiter.limits.isCurrent(waiter) else { continue }
            let rest = left + 1
            let share = min(pot, max(pot / rest, Limits.smallestShareBytes))
            waiter.limits.serve(waiter.direction, share: isDry ? 0 : share, of: self)
        }
        isServing = false
        if firstWaiting > 64 || !hasWaiting {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
        if hasWaiting { arm() }
    }

    private func arm() {
        if ready > 0 || isExhausted {
            if isQueued { return }
            isQueued = true
            return loop.resumeLater(self)
        }
        if timer != .none { return }
        let moment = ask(sliceBytes) ?? loop.nowNanoseconds
        timer = loop.arm(atNanoseconds: moment, self)
    }
}

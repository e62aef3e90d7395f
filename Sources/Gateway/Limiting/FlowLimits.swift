import Loop
package import Model

/// A flow that limits hold up now and then.
package protocol LimitedFlow: AnyObject {
    /// There may be bytes again: go on where `allowed` said 0. Called on the loop.
    func allowanceCame()
    /// There will be none any more: end now. Called on the loop.
    func allowanceEnded()
}

/// The limits of one flow: how many bytes it may move now in each direction.
///
/// Ask `allowed`, move at most that, say what was moved with `spend`. When it says 0, `wait` and
/// be called. A datagram is asked about with `admits`.
///
/// ## Concurrency
/// Confined to its loop. `close` it when the flow ends.
package final class FlowLimits {
    private let shaper: Shaper
    private let sources: [any LimitSource]
    private let subject: LimitedSubject
    private let shares: ConnectionShares
    private var uplink: Lanes
    private var downlink: Lanes
    private var isClosed = false
    private var ticket: ConnectionTicket?
    /// Who is called; it outlives this object's open time, so no count is kept of it.
    package unowned(unsafe) var flow: (any LimitedFlow)?

    /// What limits one direction.
    private struct Lanes {
        var lanes: [Lane] = []
        var isWaiting = false
        var turn: UInt32 = 0
        /// What was spent in all.
        var spentBytes: UInt64 = 0
    }

    /// One limit: the loop's allowance, and what of it is kept for this flow.
    private struct Lane {
        let allowance: Allowance
        var held = 0

        var available: Int { held > 0 ? held : allowance.free }

        /// Whether so many bytes may be moved in one piece: a rate lends what it lacks.
        func covers(_ bytes: Int) -> Bool {
            allowance.supply.lends || allowance.reaches(bytes - held)
        }
    }

    /// Limits that `sources` have for a flow of `subject`, on a connection of its own unless
    /// `shares` are given; the ticket is kept to the flow's end.
    package init(
        _ shaper: Shaper, _ sources: [any LimitSource], _ subject: LimitedSubject,
        shares: ConnectionShares = ConnectionShares(), ticket: ConnectionTicket? = nil
    ) {
        self.ticket = ticket
        self.shares = shares
        self.shaper = shaper
        self.sources = sources
        self.subject = subject
        uplink = Lanes()
        downlink = Lanes()
        shaper.add(self)
        bind()
    }

    /// The flow is over: what was granted and not moved goes back. For a flow of its own, its
    /// totals say how much of what was spent did move.
    package func close(_ totals: FlowCounts? = nil) {
        guard !isClosed else { return }
        isClosed = true
        if let totals {
            refund(.uplink, Int(clamping: Int64(uplink.spentBytes) - Int64(totals.uplinkBytes)))
            refund(
                .downlink, Int(clamping: Int64(downlink.spentBytes) - Int64(totals.downlinkBytes)))
        }
        flow = nil
        ticket = nil
        unbind()
        shaper.remove(self)
    }

    // MARK: Moving

    /// How many bytes may be moved now.
    package func allowed(_ direction: Direction) -> Int {
        direction == .uplink ? Self.allowed(uplink) : Self.allowed(downlink)
    }

    private static func allowed(_ lanes: Lanes) -> Int {
        if lanes.isWaiting { return 0 }
        var least = Int.max
        for lane in lanes.lanes { least = min(least, lane.available) }
        return least
    }

    /// Whether limits hold it up in one direction or the other.
    package var isWaiting: Bool { uplink.isWaiting || downlink.isWaiting }

    /// So many bytes were moved, or will be before anything else.
    package func spend(_ direction: Direction, _ count: Int) {
        if count == 0 { return }
        if direction == .uplink { Self.spend(&uplink, count) } else { Self.spend(&downlink, count) }
    }

    private static func spend(_ lanes: inout Lanes, _ count: Int) {
        lanes.spentBytes += UInt64(count)
        for index in lanes.lanes.indices {
            let kept = min(count, lanes.lanes[index].held)
            lanes.lanes[index].held -= kept
            lanes.lanes[index].allowance.spend(count - kept)
        }
    }

    /// So many bytes that were spent were not moved after all.
    package func refund(_ direction: Direction, _ count: Int) {
        guard count > 0 else { return }
        for lane in direction == .uplink ? uplink.lanes : downlink.lanes {
            lane.allowance.unspend(count)
        }
    }

    /// Whether the flow takes from a supply.
    func takes(from supply: any Supply) -> Bool {
        (uplink.lanes + downlink.lanes).contains { $0.allowance.supply === supply }
    }

    /// Pays for bytes that move in one piece or not at all, such as a message's head, or what came
    /// before there were limits; false, and nothing is paid, where a quota does not have them.
    package func spendWhole(_ direction: Direction, _ count: Int) -> Bool {
        if count == 0 { return true }
        let lanes = direction == .uplink ? uplink.lanes : downlink.lanes
        guard lanes.allSatisfy({ $0.covers(count) }) else { return false }
        spend(direction, count)
        return true
    }

    /// Whether a datagram of so many bytes may pass; if so it is paid for.
    package func admits(_ direction: Direction, _ bytes: Int) -> Bool {
        let lanes = direction == .uplink ? uplink.lanes : downlink.lanes
        guard lanes.allSatisfy({ $0.allowance.admits(bytes) }) else { return false }
        for lane in lanes { lane.allowance.spend(bytes) }
        return true
    }

    /// The flow has nothing more to move for now: what was kept for it is free again.
    package func rest(_ direction: Direction) {
        if direction == .uplink { Self.rest(&uplink) } else { Self.rest(&downlink) }
    }

    private static func rest(_ lanes: inout Lanes) {
        if lanes.isWaiting { return }
        for index in lanes.lanes.indices where lanes.lanes[index].held > 0 {
            lanes.lanes[index].allowance.unspend(lanes.lanes[index].held)
            lanes.lanes[index].held = 0
        }
    }

    // MARK: Waiting

    /// What comes of waiting.
    package enum Wait: Equatable {
        /// `allowanceCame` will be called.
        case waits
        /// There are bytes now: go on in the next turn.
        case ready
        /// There will be none any more.
        case exhausted
    }

    /// Waits for bytes, once `allowed` said 0.
    package func wait(_ direction: Direction) -> Wait {
        let isUplink = direction == .uplink
        let lanes = isUplink ? uplink : downlink
        if lanes.isWaiting { return .waits }
        if lanes.lanes.contains(where: { $0.allowance.isExhausted && $0.available == 0 }) {
            return .exhausted
        }
        guard let dry = lanes.lanes.first(where: { $0.available == 0 }) else { return .ready }
        let turn = lanes.turn &+ 1
        if isUplink {
            (uplink.isWaiting, uplink.turn) = (true, turn)
        } else {
            (downlink.isWaiting, downlink.turn) = (true, turn)
        }
        dry.allowance.enqueue(Allowance.Waiter(limits: self, direction: direction, turn: turn))
        return .waits
    }

    func isCurrent(_ waiter: Allowance.Waiter) -> Bool {
        let lanes = waiter.direction == .uplink ? uplink : downlink
        return !isClosed && lanes.isWaiting && lanes.turn == waiter.turn
    }

    /// An allowance hands over a share; without one it has come to its end.
    func serve(_ direction: Direction, share: Int, of allowance: Allowance) {
        if direction == .uplink {
            Self.keep(share, of: allowance, &uplink)
        } else {
            Self.keep(share, of: allowance, &downlink)
        }
        if share > 0 { flow?.allowanceCame() } else { flow?.allowanceEnded() }
    }

    private static func keep(_ share: Int, of allowance: Allowance, _ lanes: inout Lanes) {
        lanes.isWaiting = false
        guard let index = lanes.lanes.firstIndex(where: { $0.allowance === allowance }) else {
            return
        }
        allowance.spend(share)
        lanes.lanes[index].held += share
    }

    // MARK: Which limits

    /// The limits have changed: looks them up again, and goes on if it waited.
    func rebind() {
        unbind()
        bind()
        flow?.allowanceCame()
    }

    private func bind() {
        let now = shaper.loop.nowNanoseconds
        for source in sources {
            let supplies = source.supplies(for: subject, shares, nowNanoseconds: now)
            uplink.lanes += supplies.uplink.map { Lane(allowance: shaper.allowance(of: $0)) }
            downlink.lanes += supplies.downlink.map { Lane(allowance: shaper.allowance(of: $0)) }
        }
    }

    private func unbind() {
        uplink.isWaiting = false
        downlink.isWaiting = false
        Self.rest(&uplink)
        Self.rest(&downlink)
        for lane in uplink.lanes + downlink.lanes { shaper.leave(lane.allowance) }
        uplink.lanes = []
        downlink.lanes = []
    }
}

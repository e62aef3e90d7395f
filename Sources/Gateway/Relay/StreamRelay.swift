package import Limiting
package import LinuxIO
package import Loop
package import Metering
package import Model

/// Moves bytes between two connected streams, both ways, until both have ended.
///
/// Back-pressure: a side is not read while bytes for the other side wait. Half-close is kept: the
/// end of one direction is passed on after its last byte, and the other goes on. A failed write
/// ends its direction only; what the peer still says is delivered first.
///
/// Per idle relay there is this object, no timer and no buffer: `Context` sweeps for idle ones.
///
/// ## Concurrency
/// Confined to its loop.
package final class StreamRelay: ReadinessHandler, Resumable, FlowOwner,
    LimitedFlow
{
    private let terms: Terms
    private let meter: FlowMeter
    private let limits: FlowLimits?
    private var lastMoveNanoseconds: UInt64
    private var client: Side
    private var upstream: Side
    private var uplink = HalfRelay()
    private var downlink = HalfRelay()
    private var failure: FlowEnd?
    private var isQueued = false
    private var isOver = false

    private var context: Context { terms.context }

    private struct Side {
        var descriptor: Descriptor
        var registration: Registration
        var ready: Readiness

        init(_ stream: StreamSocket.Detached) {
            descriptor = stream.descriptor
            registration = stream.registration
            ready = stream.readiness
        }
    }

    private enum Tag {
        static let client: UInt8 = 0
        static let upstream: UInt8 = 1
    }

    /// Bytes that were received before the relay began.
    package struct Early {
        /// What the client sent behind its request.
        package var uplink: [UInt8]
        /// What the destination sent behind the last hop's answer.
        package var downlink: [UInt8]

        package init(uplink: [UInt8] = [], downlink: [UInt8] = []) {
            self.uplink = uplink
            self.downlink = downlink
        }
    }

    /// Takes over two streams; `start` begins to relay, with the early bytes first. They are paid
    /// for by what comes after them.
    package init(
        _ terms: Terms, meter: FlowMeter, client: StreamSocket.Detached,
        upstream: StreamSocket.Detached, early: Early, limits: FlowLimits? = nil
    ) {
        self.terms = terms
        self.meter = meter
        self.limits = limits
        self.client = Side(client)
        self.upstream = Side(upstream)
        lastMoveNanoseconds = terms.context.loop.nowNanoseconds
        early.uplink.withUnsafeBytes { uplink.prepend($0) }
        early.downlink.withUnsafeBytes { downlink.prepend($0) }
        guard let limits else { return }
        let isCovered =
            limits.spendWhole(.uplink, early.uplink.count)
            && limits.spendWhole(.downlink, early.downlink.count)
        if !isCovered { failure = FlowEnd(by: .gateway, phase: .relay, cause: .quota) }
    }

    /// Begins to relay. The loop keeps the relay alive from here to its end.
    package func start() {
        meter.owner = self
        limits?.flow = self
        context.loop.rebind(client.registration, to: self, tag: Tag.client)
        context.loop.rebind(upstream.registration, to: self, tag: Tag.upstream)
        context.watch(idleNanoseconds: terms.idleNanoseconds)
        if failure != nil { return finish(nil, resets: true) }
        pump()
    }

    // MARK: Events

    package func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        if tag == Tag.client {
            client.ready.formUnion(readiness)
        } else {
            upstream.ready.formUnion(readiness)
        }
        pump()
    }

    package func resume() {
        isQueued = false
        if !isOver { pump() }
    }

    package func allowanceCame() {
        if !isOver { pump() }
    }

    package func allowanceEnded() {
        if isOver { return }
        finish(FlowEnd(by: .gateway, phase: .relay, cause: .quota), resets: true)
    }

    package func endIfIdle(nowNanoseconds: UInt64) {
        // Who waits for what limits allow is not idle.
        if limits?.isWaiting == true { return }
        guard !isOver, nowNanoseconds - lastMoveNanoseconds >= terms.idleNanoseconds else { return }
        finish(FlowEnd(by: .gateway, phase: .relay, cause: .idle), resets: true)
    }

    package func cut(_ meter: FlowMeter, _ end: FlowEnd) {
        if !isOver { finish(end, resets: true) }
    }

    // MARK: Moving

    private func pump() {
        lastMoveNanoseconds = context.loop.nowNanoseconds
        if !uplink.isDone { move(.uplink) }
        if !isOver && !downlink.isDone { move(.downlink) }
    }

    private func move(_ direction: Direction) {
        let isUplink = direction == .uplink
        var sides = HalfRelay.Sides(
            driver: context.loop.driver, pipes: context.pipes, scratch: context.loop.scratch,
            source: isUplink ? client.descriptor : upstream.descriptor,
            sink: isUplink ? upstream.descriptor : client.descriptor,
            sourceReady: isUplink ? client.ready : upstream.ready,
            sinkReady: isUplink ? upstream.ready : client.ready,
            meter: meter, direction: direction, allowed: limits?.allowed(direction) ?? .max)
        let allowed = sides.allowed
        let outcome: HalfRelay.Outcome
        if isUplink {
            outcome = uplink.pump(&sides)
            (client.ready, upstream.ready) = (sides.sourceReady, sides.sinkReady)
        } else {
            outcome = downlink.pump(&sides)
            (upstream.ready, client.ready) = (sides.sourceReady, sides.sinkReady)
        }
        if let limits {
            limits.spend(direction, allowed - sides.allowed)
            if outcome != .spent && outcome != .usedShare { limits.rest(direction) }
        }
        react(to: outcome, direction)
    }

    private func react(to outcome: HalfRelay.Outcome, _ direction: Direction) {
        switch outcome {
        case .waits:
            break
        case .usedShare:
            goOnLater()
        case .spent:
            wait(direction)
        case .drained:
            end(direction)
        case .readFailed(let error):
            fail(direction == .uplink ? .client : .upstream, error)
            finish(nil, resets: true)
        case .writeFailed(let error):
            fail(direction == .uplink ? .upstream : .client, error)
            end(direction)
        }
    }

    private func goOnLater() {
        if isQueued { return }
        isQueued = true
        context.loop.resumeLater(self)
    }

    private func wait(_ direction: Direction) {
        switch limits?.wait(direction) {
        case .waits: break
        case .ready, nil: goOnLater()
        case .exhausted: allowanceEnded()
        }
    }

    /// One direction is over. Its end is passed on unless the other is over too: then both
    /// descriptors are closed, which says the same and saves a call.
    private func end(_ direction: Direction) {
        let isUplink = direction == .uplink
        if isUplink { uplink.finish(context.pipes) } else { downlink.finish(context.pipes) }
        if uplink.isDone && downlink.isDone {
            finish(nil, resets: failure != nil)
        } else if failure == nil {
            context.loop.driver.shutdownSending(
                isUplink ? upstream.descriptor : client.descriptor)
        }
    }

    private func fail(_ party: FlowEnd.Party, _ error: Errno) {
        if failure != nil { return }
        let cause: FlowEnd.Cause = error.isReset ? .reset : .failed
        failure = FlowEnd(by: party, phase: .relay, cause: cause)
    }

    /// Lets a side see that the flow broke off. One that has not taken all yet is closed in order:
    /// a reset would throw away bytes that are counted as delivered.
    private func abort(_ side: Side) {
        if context.loop.driver.unsentBytes(side.descriptor) == 0 {
            context.loop.driver.resetOnClose(side.descriptor)
        }
    }

    private func finish(_ end: FlowEnd?, resets: Bool) {
        let loop = context.loop
        isOver = true
        limits?.close(meter.counts)
        uplink.discard(context.pipes)
        downlink.discard(context.pipes)
        if resets { for side in [client, upstream] { abort(side) } }
        loop.close(client.descriptor, client.registration)
        loop.close(upstream.descriptor, upstream.registration)
        let end = failure ?? end ?? FlowEnd(by: .client, phase: .relay, cause: .finished)
        context.ledger.close(meter, end)
        terms.onEnd(meter.flow, end)
    }
}

extension StreamRelay {
    /// What all relays of one service on one loop have in common; kept once, since most relays are
    /// idle and their memory is what counts.
    ///
    /// ## Concurrency
    /// Confined to its loop.
    package final class Terms {
        /// What all relays of the loop share.
        let context: Context
        /// After how much silence a relay is ended.
        let idleNanoseconds: UInt64
        /// Called once per relay, when the meter is closed and both streams are gone.
        let onEnd: (FlowInfo, FlowEnd) -> Void

        /// Terms of a service.
        package init(
            _ context: Context, idleNanoseconds: UInt64,
            onEnd: @escaping (FlowInfo, FlowEnd) -> Void
        ) {
            self.context = context
            self.idleNanoseconds = idleNanoseconds
            self.onEnd = onEnd
        }
    }

    /// What a loop's relays share, and the sweep that ends idle ones.
    ///
    /// A sweep looks at every open flow of the loop, four times within the shortest idle time in
    /// use but at most every quarter of a second: a timer per relay would cost more memory than
    /// the relay's own fields.
    ///
    /// ## Concurrency
    /// Confined to its loop.
    package final class Context: TimerHandler {
        /// The loop.
        package let loop: EventLoop
        let pipes: PipePool
        let ledger: Ledger
        private var shortestIdleNanoseconds = UInt64.max
        private var timer = TimerToken.none

        /// Shared parts of a loop's relays.
        package init(loop: EventLoop, pipes: PipePool, ledger: Ledger) {
            self.loop = loop
            self.pipes = pipes
            self.ledger = ledger
        }

        /// Closes pipes that nobody uses and ends the sweep.
        package func close() {
            pipes.drain()
            loop.cancel(timer)
            timer = .none
        }

        /// Makes sure that a relay that is idle for so long is found.
        func watch(idleNanoseconds: UInt64) {
            if idleNanoseconds >= shortestIdleNanoseconds { return }
            shortestIdleNanoseconds = idleNanoseconds
            arm()
        }

        package func timerFired(tag: UInt8) {
            let now = loop.nowNanoseconds
            ledger.forEachOpen { $0.owner?.endIfIdle(nowNanoseconds: now) }
            arm()
        }

        private func arm() {
            loop.cancel(timer)
            let pause = min(max(shortestIdleNanoseconds / 4, 250_000_000), 60_000_000_000)
            timer = loop.arm(afterNanoseconds: pause, self)
        }
    }
}

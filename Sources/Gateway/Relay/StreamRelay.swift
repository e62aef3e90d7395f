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
/// Per idle relay there is this object, one timer and no buffer.
///
/// ## Concurrency
/// Confined to its loop.
package final class StreamRelay: ReadinessHandler, TimerHandler, Resumable, FlowOwner {
    private let loop: EventLoop
    private let pipes: PipePool
    private let meter: FlowMeter
    private let ledger: Ledger
    private let idleNanoseconds: UInt64
    private let onEnd: (FlowEnd, Errno?) -> Void
    private var client: Side
    private var upstream: Side
    private var uplink = HalfRelay()
    private var downlink = HalfRelay()
    private var failure: (end: FlowEnd, error: Errno)?
    private var timer = TimerToken.none
    private var lastMoveNanoseconds: UInt64
    private var isQueued = false
    private var isOver = false

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

    /// What outlives a single relay on a loop.
    package struct Context {
        /// The loop.
        package let loop: EventLoop
        /// Its pipes.
        package let pipes: PipePool
        /// Its ledger.
        package let ledger: Ledger

        package init(loop: EventLoop, pipes: PipePool, ledger: Ledger) {
            self.loop = loop
            self.pipes = pipes
            self.ledger = ledger
        }
    }

    /// Takes over two streams; `start` begins to relay. `early` are bytes that the client sent
    /// behind its request. `onEnd` is called once, when the meter is closed and both streams gone.
    package init(
        _ context: Context, meter: FlowMeter, client: StreamSocket.Detached,
        upstream: StreamSocket.Detached, early: UnsafeRawBufferPointer, idleNanoseconds: UInt64,
        onEnd: @escaping (FlowEnd, Errno?) -> Void
    ) {
        loop = context.loop
        pipes = context.pipes
        ledger = context.ledger
        self.meter = meter
        self.idleNanoseconds = idleNanoseconds
        self.onEnd = onEnd
        self.client = Side(client)
        self.upstream = Side(upstream)
        lastMoveNanoseconds = context.loop.nowNanoseconds
        uplink.prepend(early)
    }

    /// Begins to relay. The loop keeps the relay alive from here to its end.
    package func start() {
        meter.owner = self
        loop.rebind(client.registration, to: self, tag: Tag.client)
        loop.rebind(upstream.registration, to: self, tag: Tag.upstream)
        timer = loop.arm(afterNanoseconds: idleNanoseconds, self)
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

    package func timerFired(tag: UInt8) {
        let due = lastMoveNanoseconds &+ idleNanoseconds
        if loop.nowNanoseconds < due {
            timer = loop.arm(atNanoseconds: due, self)
        } else {
            finish(FlowEnd(by: .gateway, phase: .relay, cause: .idle), error: nil, resets: true)
        }
    }

    package func cut(_ meter: FlowMeter, _ end: FlowEnd) {
        if !isOver { finish(end, error: nil, resets: true) }
    }

    // MARK: Moving

    private func pump() {
        lastMoveNanoseconds = loop.nowNanoseconds
        if !uplink.isDone { move(.uplink) }
        if !isOver && !downlink.isDone { move(.downlink) }
    }

    private func move(_ direction: Direction) {
        let isUplink = direction == .uplink
        var sides = HalfRelay.Sides(
            driver: loop.driver, pipes: pipes, scratch: loop.scratch,
            source: isUplink ? client.descriptor : upstream.descriptor,
            sink: isUplink ? upstream.descriptor : client.descriptor,
            sourceReady: isUplink ? client.ready : upstream.ready,
            sinkReady: isUplink ? upstream.ready : client.ready,
            meter: meter, direction: direction)
        let outcome: HalfRelay.Outcome
        if isUplink {
            outcome = uplink.pump(&sides)
            (client.ready, upstream.ready) = (sides.sourceReady, sides.sinkReady)
        } else {
            outcome = downlink.pump(&sides)
            (upstream.ready, client.ready) = (sides.sourceReady, sides.sinkReady)
        }
        react(to: outcome, direction)
    }

    private func react(to outcome: HalfRelay.Outcome, _ direction: Direction) {
        switch outcome {
        case .waits:
            break
        case .usedShare:
            if isQueued { break }
            isQueued = true
            loop.resumeLater(self)
        case .drained:
            end(direction)
        case .readFailed(let error):
            fail(direction == .uplink ? .client : .upstream, error)
            finish(nil, error: nil, resets: true)
        case .writeFailed(let error):
            fail(direction == .uplink ? .upstream : .client, error)
            end(direction)
        }
    }

    /// One direction is over. Its end is passed on unless the other is over too: then both
    /// descriptors are closed, which says the same and saves a call.
    private func end(_ direction: Direction) {
        let isUplink = direction == .uplink
        if isUplink { uplink.isDone = true } else { downlink.isDone = true }
        if uplink.isDone && downlink.isDone {
            finish(nil, error: nil, resets: false)
        } else if failure == nil {
            loop.driver.shutdownSending(isUplink ? upstream.descriptor : client.descriptor)
        }
    }

    private func fail(_ party: FlowEnd.Party, _ error: Errno) {
        if failure != nil { return }
        let cause: FlowEnd.Cause = error.isReset ? .reset : .failed
        failure = (FlowEnd(by: party, phase: .relay, cause: cause), error)
    }

    private func finish(_ end: FlowEnd?, error: Errno?, resets: Bool) {
        isOver = true
        loop.cancel(timer)
        uplink.discard(pipes)
        downlink.discard(pipes)
        if resets || failure != nil {
            loop.driver.resetOnClose(client.descriptor)
            loop.driver.resetOnClose(upstream.descriptor)
        }
        loop.close(client.descriptor, client.registration)
        loop.close(upstream.descriptor, upstream.registration)
        let end = failure?.end ?? end ?? FlowEnd(by: .client, phase: .relay, cause: .finished)
        ledger.close(meter, end)
        onEnd(end, failure?.error)
    }
}

import Codecs
import Limiting
import LinuxIO
import Loop
import Metering
import Model
import Routing

/// One request with its answer, both streamed at the same time: one flow.
///
/// ```
/// client ── read ─▶ content ─▶ write ── origin        uplink
/// client ◀─ write ◀ heads, content ◀ read ── origin   downlink
/// ```
/// A side is not read while bytes for the other wait, so one read per direction is all that is
/// ever kept. Bytes are counted as the kernel takes them, heads included.
///
/// ## Concurrency
/// Confined to its loop. Its connection's task drives it.
final class HTTPExchange: FlowOwner, LimitedFlow {
    let connection: HTTPConnection
    let upstream: HTTPUpstream
    let head: HTTP1.RequestHead
    let target: HTTP1.AbsoluteTarget
    let terms: HTTPHop.RequestTerms
    let meter: FlowMeter
    /// How fast it may go; nil where nothing limits it.
    let limits: FlowLimits?

    /// How far a direction is.
    enum Progress {
        case open
        case done
        /// Nobody takes it any more.
        case broken
    }

    /// What came of it all.
    enum Outcome {
        /// Both are done; the client's next request may come.
        case next
        /// The answer is delivered; the connection ends behind it.
        case farewell
        /// The connection ends here.
        case stop(HTTPStop)
        /// A kept connection was dead: once more, on a new one.
        case `repeat`
        /// Something of ours is answered instead.
        case answer(HTTPAnswer)
        /// A tunnel has taken over both streams.
        case handedOver
    }

    var uplink = Progress.open
    var downlink = Progress.open
    var content: HTTPBody
    /// The answer's content; nil until its head has come.
    var answer: HTTPBody?
    var answerProgress = HTTP1.HeadProgress()
    /// Whether a final answer's head was given to the client.
    var hasAnswered: Bool { answer != nil }
    var interimCount = 0
    var keepsClient = false
    var keepsUpstream = false
    /// Whether the client reads the answer until its connection ends.
    var endsWithUs = false
    /// Whether the client was told to go on with its content, or did so by itself.
    var hasContinued = false
    private(set) var outcome: Outcome?
    private var needsTurn = false
    private var hasBegun = false
    private var end: FlowEnd?
    /// Whether anything was written for the request, on either side.
    private var hasPaid = false
    /// Request bytes that are not counted yet: whose connection may be dead, or that may turn out
    /// to be the handshake of a tunnel.
    private var uncounted: Int?
    private var movedNanoseconds: UInt64
    private var doneNanoseconds: UInt64?

    var shop: HTTPShop { connection.shop }
    var client: HTTPStream { connection.client }
    var origin: HTTPStream { upstream.stream }

    /// Opens a flow over a connection; nil when there is no memory for its meter.
    init?(
        _ connection: HTTPConnection, _ upstream: HTTPUpstream, _ head: HTTP1.RequestHead,
        _ target: HTTP1.AbsoluteTarget, _ terms: HTTPHop.RequestTerms
    ) {
        let facts = FlowFactory.Facts(
            user: upstream.key.user, transport: .tcp, client: connection.client.socket.peer,
            destination: upstream.upstream.destination, host: upstream.key.destination.name,
            route: upstream.upstream.route, listener: connection.listener,
            upstreamLocal: upstream.local, upstreamRemote: upstream.stream.socket.peer)
        guard let meter = connection.desk.flows.open(facts) else { return nil }
        self.meter = meter
        limits = connection.desk.limits(
            user: upstream.key.user, client: connection.client.socket.peer,
            shares: connection.shares,
            // A tunnel outlives the connection's task, which holds its place otherwise.
            ticket: terms.upgrade == nil
                ? nil : connection.desk.ticket(of: connection.client.socket))
        self.connection = connection
        self.upstream = upstream
        self.head = head
        self.target = target
        self.terms = terms
        content = HTTPBody(head.framing, of: .request, writesChunks: head.framing == .chunked)
        hasContinued = !head.expectsContinue
        movedNanoseconds = connection.loop.nowNanoseconds
        meter.owner = self
        limits?.flow = self
        upstream.listener = connection
        let isUncertain = upstream.isReused && Self.isRepeatable(head)
        uncounted = isUncertain || terms.upgrade != nil ? 0 : nil
    }

    /// Whether a request means the same when it is sent twice, and can be (RFC 9110 §9.2.2).
    static func isRepeatable(_ head: HTTP1.RequestHead) -> Bool {
        guard head.framing == .none || head.framing == .length(0) else { return false }
        switch head.method {
        case .get, .head, .options, .trace, .put, .delete: return true
        default: return false
        }
    }

    // MARK: Running

    /// Moves the request and its answer, to an end of whatever kind. The flow is closed then.
    func run() async -> Outcome {
        // An origin that speaks before it is asked is answering somebody else's request.
        if origin.hasHeld {
            fail(.answer(.incomplete), FlowEnd(by: .upstream, phase: .relay, cause: .malformed))
        }
        var transfers = 0
        while outcome == nil {
            let hasMoved = hasBegun ? moveUplink() : beginIfAllowed()
            if outcome == nil, !moveDownlink(), !hasMoved, outcome == nil {
                transfers = 0
                await rest()
            } else {
                movedNanoseconds = connection.loop.nowNanoseconds
                transfers += 1
                if transfers % Limits.transfersPerTurn == 0 { await connection.loop.nextTurn() }
            }
            conclude()
        }
        return close()
    }

    func cut(_ meter: FlowMeter, _ end: FlowEnd) {
        fail(.stop(.cut), end)
        connection.wake()
    }

    private func beginIfAllowed() -> Bool {
        guard allowed(.uplink) > 0 else { return false }
        hasBegun = true
        begin()
        return true
    }

    // MARK: Limits

    /// How many bytes may be read for a direction now; where there are none, it is woken later.
    func allowed(_ direction: Direction) -> Int {
        guard let limits else { return .max }
        let count = limits.allowed(direction)
        if count > 0 { return count }
        switch limits.wait(direction) {
        case .waits: break
        case .ready: needsTurn = true
        case .exhausted: allowanceEnded()
        }
        return 0
    }

    /// Pays for what is written next, all of it: what the kernel does not take now, it takes before
    /// anything else, and what it never takes is given back at the end. False where a quota does
    /// not have so much; then the exchange has come to its end.
    func pays(_ direction: Direction, _ count: Int) -> Bool {
        if limits?.spendWhole(direction, count) != false {
            hasPaid = true
            return true
        }
        fail(
            hasPaid ? .stop(.broken) : .answer(.usedUp),
            FlowEnd(by: .gateway, phase: .relay, cause: .quota))
        return false
    }

    func allowanceCame() {
        movedNanoseconds = connection.loop.nowNanoseconds
        connection.wake()
    }

    func allowanceEnded() {
        fail(.stop(.broken), FlowEnd(by: .gateway, phase: .relay, cause: .quota))
        connection.wake()
    }

    // MARK: Waiting

    private func rest() async {
        if outcome != nil { return }
        if needsTurn {
            needsTurn = false
            return await connection.loop.nextTurn()
        }
        limits?.rest(.uplink)
        limits?.rest(.downlink)
        if uplink == .done, client.socket.isBroken {
            return fail(.stop(.broken), FlowEnd(by: .client, phase: .relay, cause: .reset))
        }
        let settings = connection.settings
        var deadline = HTTPExchange.moment(
            movedNanoseconds, connection.desk.settings.streamIdleNanoseconds)
        // gost's readTimeout: from the end of the request to the head of the answer.
        if !hasAnswered, !origin.socket.isReadable, let doneNanoseconds,
            let wait = settings.answerNanoseconds
        {
            deadline = HTTPExchange.moment(doneNanoseconds, wait)
        }
        do throws(HTTPStop) {
            try await connection.wait(untilNanoseconds: deadline)
        } catch {
            if outcome == nil { stop(error) }
        }
    }

    private static func moment(_ start: UInt64, _ nanoseconds: UInt64) -> UInt64 {
        let (moment, isBeyond) = start.addingReportingOverflow(nanoseconds)
        return isBeyond ? .max - 1 : moment
    }

    private func stop(_ stop: HTTPStop) {
        switch stop {
        case .late where !hasAnswered && uplink != .open:
            fail(.answer(.late), FlowEnd(by: .upstream, phase: .relay, cause: .timeout))
        case .late where !hasAnswered:
            fail(.answer(.lateHead), FlowEnd(by: .client, phase: .relay, cause: .timeout))
        case .late:
            fail(.stop(.broken), FlowEnd(by: .gateway, phase: .relay, cause: .idle))
        case .cut:
            fail(.stop(.cut), FlowEnd(by: .gateway, phase: .relay, cause: .shutdown))
        case .broken, .ended:
            fail(.stop(stop), FlowEnd(by: .client, phase: .relay, cause: .reset))
        }
    }

    /// Ends the exchange before both directions are done; the first end counts.
    func fail(_ outcome: Outcome, _ end: FlowEnd) {
        if self.outcome != nil { return }
        self.outcome = outcome
        self.end = end
    }

    /// A tunnel owns meter and streams from now on.
    func handOver() {
        outcome = .handedOver
        connection.handOver()
        upstream.stream.socket.observer = nil
    }

    /// Looks whether both directions have come to their end.
    private func conclude() {
        guard outcome == nil, downlink == .done, !client.hasPending else { return }
        if uplink == .done, !origin.hasPending {
            outcome = keepsClient ? .next : .farewell
        } else if uplink == .broken || !keepsClient {
            // The origin has decided without the rest of the content.
            outcome = .farewell
            keepsUpstream = false
        }
    }

    private func close() -> Outcome {
        guard let outcome else { preconditionFailure("an exchange without an outcome is closed") }
        if case .handedOver = outcome { return outcome }
        settleUplink()
        limits?.close(meter.counts)
        let socket = origin.socket
        upstream.listener = nil
        if end == nil, keepsUpstream, case .done = uplink {
            shop.give(upstream)
        } else if end == nil {
            socket.close()
        } else {
            // A request that breaks off must look so to the origin.
            socket.reset()
        }
        connection.desk.station.ledger.close(
            meter, end ?? FlowEnd(by: .client, phase: .relay, cause: .finished))
        connection.desk.flows.ended(meter.flow)
        return outcome
    }

    // MARK: Counting

    /// Counts what the kernel took of the request.
    func countUplink(_ count: Int) {
        if count > 0 { add(count) }
    }

    private func add(_ count: Int) {
        if let uncounted {
            self.uncounted = uncounted + count
        } else {
            meter.count(.uplink, bytes: count, packets: 1)
        }
    }

    /// Counts what the kernel took of the answer.
    func countDownlink(_ count: Int) {
        if count > 0 { meter.count(.downlink, bytes: count, packets: 1) }
    }

    /// What was written upstream was payload.
    func settleUplink() {
        guard let uncounted else { return }
        self.uncounted = nil
        if case .repeat = outcome { return }
        if uncounted > 0 { add(uncounted) }
    }

    /// What was written upstream opened a tunnel.
    func dropUplink() { uncounted = nil }

    /// The origin has said something: the connection lives, the request was taken.
    func originAnswers() {
        if terms.upgrade == nil { settleUplink() }
    }

    /// The origin takes no more of the request. It may have answered before.
    func requestBroke() {
        uplink = .broken
        doneNanoseconds = connection.loop.nowNanoseconds
        origin.dropPending()
    }

    /// The request is on its way as a whole.
    func requestIsDone() {
        uplink = .done
        doneNanoseconds = connection.loop.nowNanoseconds
    }
}

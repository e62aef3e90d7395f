import Codecs
import Limiting
import LinuxIO
import Loop
import Model
import PluginKit
import Routing

/// One client of an HTTP proxy service: its requests one after another, until the last or until a
/// tunnel takes over. RFC 9110, RFC 9112.
///
/// One task serves both sides. It moves what can be moved and waits, in one place, until either
/// side, a deadline or a cut has something for it.
///
/// ## Concurrency
/// Confined to its loop. One task uses it.
final class HTTPConnection: StreamObserver, HTTPUpstreamListener, TimerHandler {
    let desk: ServiceDesk
    let shop: HTTPShop
    let client: HTTPStream
    /// Our address that the client connected to.
    let listener: Endpoint
    /// What limits of each connection have left of this one.
    let shares = ConnectionShares()
    private var login = HTTPLogin()
    private var progress = HTTP1.HeadProgress()
    /// How many bytes the present request's head took.
    private(set) var headByteCount = 0
    private var isFirst = true
    private var isResting = false
    private var mustEnd = false
    /// Whether the stream is closed or somebody else's.
    private var isOver = false

    // The wait.
    private var waiter: UnsafeContinuation<Void, Never>?
    private var isWoken = false
    private var isLate = false
    private var deadlineNanoseconds = UInt64.max
    private var timer = TimerToken.none
    private var timerNanoseconds = UInt64.max

    var loop: EventLoop { desk.station.loop }
    var settings: HTTPSettings { shop.settings }
    /// Whether another request may follow the present one.
    var mayStay: Bool { !mustEnd && !shop.isRetired }

    /// Takes over an accepted stream.
    init(_ desk: ServiceDesk, _ shop: HTTPShop, _ socket: StreamSocket) throws(Errno) {
        self.desk = desk
        self.shop = shop
        listener = try socket.localEndpoint()
        client = HTTPStream(socket)
        socket.observer = self
    }

    /// Serves the client. The stream is handed over or closed when this returns.
    func serve() async {
        shop.add(self)
        var isSettled = false
        do throws(HTTPStop) {
            while try await serveNext() {
                guard !isSettled else { continue }
                // Who has come through with one request holds no place for newcomers any more.
                isSettled = desk.station.settleClient()
                if !isSettled { mustEnd = true }
            }
        } catch {
            stop(error)
        }
        if isSettled { desk.station.unsettleClient() }
        shop.remove(self)
        loop.cancel(timer)
        if !isOver { client.socket.close() }
    }

    private func stop(_ stop: HTTPStop) {
        guard !isOver else { return }
        isOver = true
        switch stop {
        case .ended, .late:
            client.socket.close()
        case .broken, .cut:
            client.socket.reset()
        }
    }

    /// Nothing follows the request that runs; without one, the connection ends now.
    func retire() {
        mustEnd = true
        if isResting { wake() }
    }

    // MARK: Waiting

    func streamChanged(_ stream: StreamSocket) { wake() }

    func upstreamChanged(_ upstream: HTTPUpstream) { wake() }

    func timerFired(tag: UInt8) {
        timer = .none
        timerNanoseconds = .max
        if deadlineNanoseconds == .max { return }
        if loop.nowNanoseconds >= deadlineNanoseconds {
            isLate = true
            wake()
        } else {
            arm()
        }
    }

    /// Resumes the task, now or when it waits next.
    func wake() {
        isWoken = true
        guard let waiter else { return }
        self.waiter = nil
        waiter.resume()
    }

    /// Waits until something may have changed, at most until a moment on the loop's clock.
    func wait(untilNanoseconds deadline: UInt64) async throws(HTTPStop) {
        deadlineNanoseconds = deadline
        isLate = loop.nowNanoseconds >= deadline
        // A timer that fires too early costs less than one that is set anew for every wait.
        if timerNanoseconds > deadline { arm() }
        if !isWoken && !isLate { await withUnsafeContinuation { waiter = $0 } }
        isWoken = false
        deadlineNanoseconds = .max
        if client.socket.fault != nil { throw .cut }
        if isLate { throw .late }
    }

    private func arm() {
        loop.cancel(timer)
        timerNanoseconds = deadlineNanoseconds
        timer = loop.arm(atNanoseconds: deadlineNanoseconds, self)
    }

    func after(_ nanoseconds: UInt64) -> UInt64 {
        let (moment, isBeyond) = loop.nowNanoseconds.addingReportingOverflow(nanoseconds)
        return isBeyond ? .max - 1 : moment
    }

    // MARK: Heads

    /// Serves one request; whether another may follow.
    private func serveNext() async throws(HTTPStop) -> Bool {
        switch try await nextHead() {
        case .value(let head):
            isFirst = false
            return try await serve(head)
        case .fault(let fault):
            log(.info, "request refused", "\(fault)")
            return try await refuse(HTTPAnswer(fault))
        }
    }

    private func nextHead() async throws(HTTPStop) -> Message<HTTP1.RequestHead, HTTP1.Fault> {
        progress = HTTP1.HeadProgress()
        if client.hasHeld {
            let held = client.takeHeld()
            if let message = held.withUnsafeBytes({ decode($0) }) { return message }
        }
        // The first head's time begins with the connection, every other's with its first byte.
        var deadline = isFirst || client.hasHeld ? after(settings.headNanoseconds) : nil
        while true {
            switch client.read() {
            case .bytes(let all):
                if deadline == nil { deadline = after(settings.headNanoseconds) }
                if let message = decode(all) { return message }
            case .nothing:
                isResting = !client.hasHeld
                defer { isResting = false }
                if isResting && !mayStay && !isFirst { throw .ended }
                do throws(HTTPStop) {
                    try await wait(untilNanoseconds: deadline ?? after(settings.keepNanoseconds))
                } catch {
                    if error == .late && client.hasHeld { try await sayLate() }
                    throw error
                }
            case .ended:
                throw .ended
            case .failed:
                throw .broken
            }
        }
    }

    /// The message at the front of the bytes; nil where it is not whole. Keeps the rest.
    private func decode(
        _ all: UnsafeRawBufferPointer
    ) -> Message<HTTP1.RequestHead, HTTP1.Fault>? {
        switch HTTP1.RequestHead.decode(all.bytes, resuming: &progress) {
        case .needs:
            client.hold(all)
            return nil
        case .value(let head, let count):
            headByteCount = count
            client.hold(UnsafeRawBufferPointer(rebasing: all[count...]))
            return .value(head)
        case .fault(let fault):
            return .fault(fault)
        }
    }

    private func sayLate() async throws(HTTPStop) {
        log(.info, "request refused", "the request's head did not come in time")
        _ = try await refuse(.lateHead)
    }

    // MARK: Requests

    private func serve(_ head: HTTP1.RequestHead) async throws(HTTPStop) -> Bool {
        let user: String?
        switch await login.check(
            head, desk.settings.gate, client: client.socket.peer, station: desk.station)
        {
        case .user(let name):
            user = name
        case .refused(let name):
            log(.info, "login refused", name == nil ? "no login" : "wrong user or password", name)
            return try await answer(.login(realm: settings.realm), to: head)
        }
        if client.socket.fault != nil { throw .cut }
        switch HTTPPlan(head, shop.hop) {
        case .answer(let answer):
            if answer.status != 200 { log(.info, "request refused", answer.text, user) }
            return try await self.answer(answer, to: head)
        case .tunnel(let destination):
            return try await tunnel(destination, user: user, head)
        case .datagrams:
            return try await associate(user: user, head)
        case .forward(let target, let forwards):
            return try await forward(head, target, forwards: forwards, user: user)
        }
    }

    private func forward(
        _ head: HTTP1.RequestHead, _ target: HTTP1.AbsoluteTarget, forwards: Int?, user: String?
    ) async throws(HTTPStop) -> Bool {
        let key = HTTPPool.Key(destination: target.destination, user: user)
        let upgrade = HTTPHop.upgrade(of: head)
        var reuse = HTTPExchange.isRepeatable(head) ? HTTPShop.Reuse.any : .fresh
        // Where the way out depends on our address that the client came to, nothing is shared.
        if !settings.keepsUpstreams || upgrade != nil || desk.router.asksForListener {
            reuse = .never
        }
        while true {
            let upstream: HTTPUpstream
            do throws(DialFault) {
                upstream = try await shop.upstream(for: key, client: client.socket, reuse)
            } catch {
                if error == .cut { throw .cut }
                log(.info, "connect failed", error.reason, user, key.destination)
                return try await answer(HTTPAnswer(error), to: head)
            }
            let terms = HTTPHop.RequestTerms(
                upgrade: upgrade, forwards: forwards, keeps: settings.keepsUpstreams)
            guard let exchange = HTTPExchange(self, upstream, head, target, terms) else {
                upstream.stream.socket.reset()
                return try await answer(.noRoom, to: head)
            }
            switch await exchange.run() {
            case .next: return mayStay
            case .farewell: return await farewell()
            case .stop(let stop): throw stop
            case .repeat: reuse = .never
            case .answer(let answer):
                log(.info, "request failed", answer.text, user, key.destination)
                return try await self.answer(answer, to: head)
            case .handedOver:
                isOver = true
                return false
            }
        }
    }

    // MARK: Answers of our own

    /// Answers a request; whether another may follow. A client that may be sending content is
    /// told to stop.
    func answer(_ answer: HTTPAnswer, to head: HTTP1.RequestHead) async throws(HTTPStop) -> Bool {
        let stays =
            mayStay && head.version == .http11 && head.isPersistent && head.framing == .none
            && head.method != .connect
        try await say(answer, closes: !stays, isHead: head.method == .head)
        return stays ? true : await farewell()
    }

    /// Answers something that is no request, and ends the connection.
    private func refuse(_ answer: HTTPAnswer) async throws(HTTPStop) -> Bool {
        try await say(answer, closes: true, isHead: false)
        return await farewell()
    }

    private func say(_ answer: HTTPAnswer, closes: Bool, isHead: Bool) async throws(HTTPStop) {
        var bytes: [UInt8] = []
        answer.encode(into: &bytes, settings, closes: closes, isHead: isHead)
        try await write(bytes)
    }

    /// Writes all of it.
    func write(_ bytes: [UInt8]) async throws(HTTPStop) {
        let deadline = after(settings.headNanoseconds)
        // Interim answers may still be on their way.
        try await flush(untilNanoseconds: deadline)
        if case .failed = client.write(bytes) { throw .broken }
        try await flush(untilNanoseconds: deadline)
    }

    private func flush(untilNanoseconds deadline: UInt64) async throws(HTTPStop) {
        while client.hasPending {
            if case .failed = client.flush() { throw .broken }
            if client.hasPending { try await wait(untilNanoseconds: deadline) }
        }
    }

    /// Ends the connection after a last answer.
    private func farewell() async -> Bool {
        isOver = true
        let socket = client.socket
        socket.observer = nil
        await socket.farewell()
        return false
    }

    /// The stream belongs to somebody else now.
    func handOver() {
        isOver = true
        client.socket.observer = nil
    }

    func log(
        _ level: LogLevel, _ event: String, _ reason: String, _ user: String? = nil,
        _ destination: Destination? = nil
    ) {
        desk.logFailure(
            level, event, client: client.socket.peer, user: user, destination: destination,
            reason: reason)
    }
}

/// Why a connection's task ends.
enum HTTPStop: Error {
    /// The client has ended, or nothing is expected of it any more.
    case ended
    /// A deadline passed.
    case late
    /// The client's stream broke, or must look broken.
    case broken
    /// The gateway cut it.
    case cut
}

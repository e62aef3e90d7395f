import Loop
import Model

/// Connections to origins between two requests, on one loop, of one service.
///
/// A connection is used again for the same destination and user only, and for another client only
/// where policy would let that one connect too: who asks for it says so. The one used last goes
/// first, so that the others grow old and end.
///
/// ## Concurrency
/// Confined to its loop.
final class HTTPPool: HTTPUpstreamListener, TimerHandler {
    /// For whom a connection may be used.
    struct Key: Hashable {
        let destination: Destination
        let user: String?
    }

    private let loop: EventLoop
    private var kept: [Key: [HTTPUpstream]] = [:]
    private var timer = TimerToken.none
    /// How many connections are kept.
    private(set) var count = 0

    init(loop: EventLoop) { self.loop = loop }

    /// Takes the connection used last, if it is fresh enough; `allows` is asked where another
    /// client used it.
    func take(
        _ key: Key, client: IPAddress, maximumAgeNanoseconds: UInt64,
        allows: (HTTPUpstream) -> Bool
    ) -> HTTPUpstream? {
        guard let last = kept[key]?.last,
            loop.nowNanoseconds - last.keptNanoseconds <= maximumAgeNanoseconds,
            last.client == client || allows(last)
        else { return nil }
        kept[key]?.removeLast()
        count -= 1
        last.client = client
        last.listener = nil
        last.isReused = true
        return last
    }

    /// Keeps a connection whose exchange is over, or closes it where there is no room.
    func give(_ upstream: HTTPUpstream) {
        let socket = upstream.stream.socket
        guard count < Limits.keptUpstreams, !socket.isReadable, !socket.isEnding,
            !upstream.stream.hasHeld,
            kept[upstream.key]?.count ?? 0 < Limits.keptUpstreamsPerDestination
        else { return socket.close() }
        upstream.listener = self
        upstream.keptNanoseconds = loop.nowNanoseconds
        kept[upstream.key, default: []].append(upstream)
        count += 1
        if timer == .none { arm() }
    }

    /// The origin ended a connection, or said something that nobody asked for.
    func upstreamChanged(_ upstream: HTTPUpstream) {
        let socket = upstream.stream.socket
        if socket.isReadable || socket.isEnding || socket.fault != nil { drop(upstream) }
    }

    private func drop(_ upstream: HTTPUpstream) {
        guard let index = kept[upstream.key]?.firstIndex(where: { $0 === upstream })
        else { return }
        kept[upstream.key]?.remove(at: index)
        count -= 1
        upstream.stream.socket.close()
    }

    /// Closes all.
    func close() {
        for list in kept.values { for upstream in list { upstream.stream.socket.close() } }
        kept.removeAll()
        count = 0
        loop.cancel(timer)
        timer = .none
    }

    // MARK: Age

    private static let ageNanoseconds = UInt64(Limits.keptUpstreamMilliseconds) * 1_000_000

    private func arm() { timer = loop.arm(afterNanoseconds: Self.ageNanoseconds / 4, self) }

    func timerFired(tag: UInt8) {
        timer = .none
        let now = loop.nowNanoseconds
        let old = kept.values.joined()
            .filter { now - $0.keptNanoseconds >= Self.ageNanoseconds }
        for upstream in old { drop(upstream) }
        // A destination's list stays for its next connection, but not for ever.
        kept = kept.filter { !$0.value.isEmpty }
        if count > 0 { arm() }
    }
}

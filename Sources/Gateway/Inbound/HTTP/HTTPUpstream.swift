import Loop
import Model
import Routing

/// A connection to an origin, with what flows and the pool need to know of it.
///
/// ## Concurrency
/// Confined to its loop. Belongs to an exchange or lies in a pool.
final class HTTPUpstream: StreamObserver {
    let stream: HTTPStream
    let upstream: Upstream
    /// For what it may be used.
    let key: HTTPPool.Key
    /// Our address on it.
    let local: Endpoint
    /// The client whose request it carried last.
    var client: IPAddress
    /// Where it came from the pool: the origin may have closed it meanwhile.
    var isReused = false
    /// When it was laid into the pool.
    var keptNanoseconds: UInt64 = 0
    /// What hears of it: the connection whose request it carries, or the pool.
    weak var listener: (any HTTPUpstreamListener)?

    init(_ upstream: Upstream, key: HTTPPool.Key, client: IPAddress, local: Endpoint) {
        self.upstream = upstream
        self.key = key
        self.client = client
        self.local = local
        stream = HTTPStream(upstream.socket)
        upstream.socket.observer = self
    }

    func streamChanged(_ stream: StreamSocket) { listener?.upstreamChanged(self) }
}

/// Hears of an upstream.
protocol HTTPUpstreamListener: AnyObject {
    /// It became readable or writable, or it ended.
    func upstreamChanged(_ upstream: HTTPUpstream)
}

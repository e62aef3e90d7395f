import LinuxIO
import Loop
import Model
import Routing

/// What the HTTP connections of one service on one loop share.
///
/// ## Concurrency
/// Confined to its loop.
final class HTTPShop: Retiring {
    // The desk owns this, and lives as long as its listener or a connection does.
    unowned let desk: ServiceDesk
    let settings: HTTPSettings
    let hop: HTTPHop
    let pool: HTTPPool
    /// Where messages are written together before they are sent; empty between calls.
    var page: [UInt8] = []
    private var connections: [ObjectIdentifier: HTTPConnection] = [:]
    /// Whether the service takes no more requests than it has.
    private(set) var isRetired = false

    init(_ desk: ServiceDesk, _ settings: HTTPSettings) {
        self.desk = desk
        self.settings = settings
        hop = HTTPHop(boot: desk.station.boot)
        pool = HTTPPool(loop: desk.station.loop)
        page.reserveCapacity(2 * Limits.messageReadBytes)
        desk.station.add(self)
    }

    // MARK: Clients

    func add(_ connection: HTTPConnection) {
        connections[ObjectIdentifier(connection)] = connection
    }

    func remove(_ connection: HTTPConnection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    /// Closes what only waits, on both sides; requests that run get their answer.
    func retire() {
        isRetired = true
        pool.close()
        for connection in connections.values { connection.retire() }
    }

    // MARK: Origins

    /// How a connection to an origin may be got.
    enum Reuse {
        /// Any that is kept.
        case any
        /// One that was used just now: the request could not be repeated.
        case fresh
        /// None.
        case never
    }

    /// A connection for a request: a kept one, or a new one.
    func upstream(
        for key: HTTPPool.Key, client: StreamSocket, _ reuse: Reuse
    ) async throws(DialFault) -> HTTPUpstream {
        if let kept = kept(for: key, client: client.peer, reuse) {
            // Plugins are asked about every flow; with a new connection the dial does it.
            guard
                let refusal = await desk.refusal(
                    user: key.user, transport: .tcp, client: client.peer,
                    destination: key.destination)
            else { return kept }
            pool.give(kept)
            throw .denied(refusal)
        }
        let upstream = try await desk.dial(key.destination, user: key.user, client: client)
        let local: Endpoint
        do throws(Errno) {
            local = try upstream.socket.localEndpoint()
        } catch {
            upstream.socket.reset()
            throw .failed(error)
        }
        return HTTPUpstream(upstream, key: key, client: client.peer.address, local: local)
    }

    private func kept(
        for key: HTTPPool.Key, client: Endpoint, _ reuse: Reuse
    ) -> HTTPUpstream? {
        let age: Int
        switch reuse {
        case .any: age = Limits.keptUpstreamMilliseconds
        case .fresh: age = Limits.freshUpstreamMilliseconds
        case .never: return nil
        }
        return pool.take(
            key, client: client.address, maximumAgeNanoseconds: UInt64(age) * 1_000_000,
            allows: { kept in
                // Who is on loopback may go where others may not. Where there are chains, the way,
                // the direct one too, may have been chosen for the client.
                !desk.router.hasChains
                    && desk.dialer.objection(to: kept.upstream.destination, client: client) == nil
            })
    }

    /// A connection is free again.
    func give(_ upstream: HTTPUpstream) {
        if isRetired || !settings.keepsUpstreams {
            upstream.stream.socket.close()
        } else {
            pool.give(upstream)
        }
    }
}

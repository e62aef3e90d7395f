import Limiting
import LinuxIO
package import Loop
import Metering
package import Model
import PluginKit
import Relay
package import Routing

/// One service on one loop: what its handlers share.
///
/// ## Concurrency
/// Confined to its loop.
package final class ServiceDesk {
    /// The loop's shared parts.
    package let station: Station
    /// The configuration.
    package let settings: ServiceSettings
    let dialer: Dialer
    /// Finds ways to destinations, chains included.
    let router: Router
    let flows: FlowFactory
    let admissions: [PluginAdmission]
    let passing: PassingEndpoints
    let terms: StreamRelay.Terms
    /// Connections that count, as long as their handler runs.
    private var tickets: [ObjectIdentifier: ConnectionTicket] = [:]
    private var refusedArrivals = OccasionalLine()
    private var refusedClients = OccasionalLine()
    private var shop: HTTPShop?

    /// A service on a loop. `guarding` is asked about every endpoint before it is dialled.
    package init(
        station: Station, settings: ServiceSettings, admissions: [PluginAdmission],
        resolver: any NameResolver, guarding: @escaping AddressGuard,
        route: Router.Plan = Router.Plan(), passing: PassingEndpoints = .untold
    ) {
        self.station = station
        self.settings = settings
        self.admissions = admissions
        self.passing = passing
        let bypasses = settings.bypasses
        let dialer = Dialer(
            loop: station.loop, resolver: resolver, egress: settings.egress,
            objection: { endpoint, client in
                guarding(endpoint, client)
                    ?? bypasses.hit(resolved: endpoint).map { "bypass '\($0.name)'" }
            })
        self.dialer = dialer
        router = Router(loop: station.loop, direct: dialer, plan: route)
        let flows = FlowFactory(station: station, service: settings.metered)
        self.flows = flows
        terms = StreamRelay.Terms(
            station.streams, idleNanoseconds: settings.streamIdleNanoseconds,
            onEnd: { flow, _ in flows.ended(flow) })
    }

    /// Serves one accepted stream to its end or its hand-over.
    package func serve(_ socket: StreamSocket) async {
        if let introducers = settings.introducers {
            let reader = IntroductionReader(desk: self, introducers: introducers, socket: socket)
            guard await reader.serve() else { return }
            if introducers.include(socket.neighbor), !admits(socket.peer.address) {
                return socket.close()
            }
        }
        guard let arrival = arrive(socket.peer) else { return socket.close() }
        tickets[ObjectIdentifier(socket)] = arrival.ticket
        defer { tickets[ObjectIdentifier(socket)] = nil }
        socket.setDeadline(
            nanoseconds: station.loop.nowNanoseconds + settings.handshakeNanoseconds)
        switch settings.handler {
        case .socks(let socks):
            await SOCKSServer(desk: self, socks: socks, socket: socket).serve()
        case .forward(let targets):
            await StreamForwarder(desk: self, targets: targets, socket: socket).serve()
        case .http(let http):
            await serve(http, socket)
        case .auto(let http, let socks):
            await AutoServer(desk: self, http: http, socks: socks, socket: socket).serve()
        }
    }

    /// Serves an HTTP client.
    func serve(_ http: HTTPSettings, _ socket: StreamSocket) async {
        let shop = shop ?? HTTPShop(self, http)
        self.shop = shop
        do throws(Errno) {
            try await HTTPConnection(self, shop, socket).serve()
        } catch {
            socket.reset()
        }
    }

    /// Another desk takes what comes from now on: closes connections that only wait for more.
    package func retire() { shop?.retire() }

    /// What a client said and was told before its tunnel, where that is not all of its stream.
    struct Handshake {
        /// What it sent behind its request.
        var early: [UInt8]
        /// Its request.
        var uplinkBytes: UInt64
        /// The answer.
        var downlinkBytes: UInt64
    }

    // MARK: Who and where to

    /// Whether a connection is taken, by where it comes from. Where a PROXY header may name another
    /// client, that one is asked about when the header was read.
    package func takes(_ neighbor: Endpoint) -> Bool {
        if let introducers = settings.introducers, introducers.include(neighbor) { return true }
        return admits(neighbor.address)
    }

    /// Whether the service talks with a client at all. A refusal is said, though not each of many.
    package func admits(_ client: IPAddress) -> Bool {
        guard let list = settings.clients.refusal(of: client) else { return true }
        if let unsaid = refusedClients.next(nowNanoseconds: station.loop.nowNanoseconds) {
            station.journal(
                .info, "client refused",
                [
                    ("service", settings.metered.info.service), ("client", client.description),
                    ("admission", list.name), ("unsaid", String(unsaid)),
                ])
        }
        return false
    }

    /// Asks the limits of connections about a client; nil is a refusal.
    func arrive(_ client: Endpoint) -> (ticket: ConnectionTicket?, Void)? {
        guard let gate = settings.arrivals else { return (nil, ()) }
        switch gate.admit(client.address, nowNanoseconds: station.loop.nowNanoseconds) {
        case .admitted(let ticket):
            return (ticket, ())
        case .refused(let reason):
            logRefusedArrival(client, reason)
            return nil
        }
    }

    /// Said for the first, and then every ten seconds with how many there were: who is refused
    /// comes again, as often as it likes.
    private func logRefusedArrival(_ client: Endpoint, _ reason: String) {
        let now = station.loop.nowNanoseconds
        guard let unsaid = refusedArrivals.next(nowNanoseconds: now) else { return }
        station.journal(
            .warn, "connections refused",
            [
                ("service", settings.metered.info.service), ("client", client.description),
                ("reason", reason), ("count", String(unsaid + 1)),
            ])
    }

    /// What limits say about a client's next flow; nil when they allow it.
    func limitRefusal(user: String?, client: Endpoint) -> String? {
        let subject = LimitedSubject(address: client.address, user: user)
        return settings.limits.lazy.compactMap { $0.refusal(of: subject) }.first
    }

    /// Why a bypass keeps the service from a destination; nil when none does.
    func bypass(_ destination: Destination, _ transport: TransportProtocol) -> String? {
        settings.bypasses.hit(destination, transport).map { "bypass '\($0.name)'" }
    }

    /// What quotas, bypasses and plugins say about a flow; nil when they allow it.
    func refusal(
        user: String?, transport: TransportProtocol, client: Endpoint, destination: Destination
    ) async -> String? {
        if let reason = bypass(destination, transport) { return reason }
        if let refusal = limitRefusal(user: user, client: client) { return refusal }
        if admissions.isEmpty { return nil }
        let proposal = FlowProposal(
            origin: settings.metered.info, user: user, transport: transport, client: client,
            destination: destination)
        for admission in admissions {
            if let refusal = await admission.refusal(of: proposal, station) { return refusal }
        }
        return nil
    }

    /// Connects upstream for a stream flow: bypasses and plugins first, then names, policy and
    /// addresses.
    func dial(
        _ destination: Destination, user: String?, client: StreamSocket
    ) async throws(DialFault) -> Upstream {
        if let refusal = await refusal(
            user: user, transport: .tcp, client: client.peer, destination: destination)
        {
            throw .denied(refusal)
        }
        let deadline = station.loop.nowNanoseconds + settings.dialNanoseconds
        var started: StreamSocket?
        defer { if let started { station.untrack(started) } }
        return try await router.dial(
            query(destination, .tcp, user: user, client), deadlineNanoseconds: deadline,
            onStart: { [station] socket in
                if let started { station.untrack(started) }
                started = socket
                station.track(socket)
            })
    }

    /// What a way is looked for, for a client with a stream.
    func query(
        _ destination: Destination, _ transport: TransportProtocol, user: String?,
        _ client: StreamSocket
    ) -> RouteQuery {
        var query = RouteQuery(destination, transport: transport, client: client.peer, user: user)
        if router.asksForListener {
            query.listener = client.introduction?.destination ?? (try? client.localEndpoint())
        }
        return query
    }

    /// Turns two connected streams into a metered relay. Nothing waits afterwards.
    func relay(
        _ client: StreamSocket, _ upstream: Upstream, user: String?, host: String?,
        listener: Endpoint, upstreamLocal: Endpoint, handshake: Handshake? = nil
    ) {
        let facts = FlowFactory.Facts(
            user: user, transport: .tcp, client: client.peer, destination: upstream.destination,
            host: host, route: upstream.route, listener: listener, upstreamLocal: upstreamLocal,
            upstreamRemote: upstream.socket.peer)
        guard let meter = flows.open(facts) else {
            station.journal(.error, "a connection was closed: no memory for its meter")
            client.reset()
            upstream.socket.reset()
            return
        }
        let unread = Array(client.unread)
        let handshake =
            handshake
            ?? Handshake(
                early: unread, uplinkBytes: client.receivedBytes - UInt64(unread.count),
                downlinkBytes: client.sentBytes)
        let answered = Array(upstream.socket.unread)
        meter.countOverhead(
            uplinkBytes: handshake.uplinkBytes, downlinkBytes: handshake.downlinkBytes)
        StreamRelay(
            terms, meter: meter, client: client.detach(), upstream: upstream.socket.detach(),
            early: StreamRelay.Early(uplink: handshake.early, downlink: answered),
            limits: limits(
                user: user, client: facts.client, ticket: ticket(of: client))
        ).start()
    }

    /// What counts a client's connection, for a flow that outlives its handler.
    func ticket(of client: StreamSocket) -> ConnectionTicket? {
        tickets[ObjectIdentifier(client)]
    }

    /// The limits of a client's next flow; nil where the service has none. `shares` are those of
    /// a connection that has several. Close them when the flow ends.
    func limits(
        user: String?, client: Endpoint, shares: ConnectionShares? = nil,
        ticket: ConnectionTicket? = nil
    ) -> FlowLimits? {
        if settings.limits.isEmpty, ticket == nil { return nil }
        return FlowLimits(
            station.shaper, settings.limits,
            LimitedSubject(address: client.address, user: user, port: client.port),
            shares: shares ?? ConnectionShares(), ticket: ticket)
    }

    /// Says why a connection did not become a flow.
    func logFailure(
        _ level: LogLevel, _ event: String, client: Endpoint, user: String?,
        destination: Destination?, reason: String
    ) {
        station.journal(
            level, event,
            [
                ("service", settings.metered.info.service), ("client", client.description),
                ("user", user ?? ""), ("destination", destination?.description ?? ""),
                ("reason", reason),
            ].filter { !$0.1.isEmpty }.map { (name: $0.0, value: $0.1) })
    }
}

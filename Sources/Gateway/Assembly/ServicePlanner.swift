import Codecs
import Configuration
import Inbound
import Limiting
import Loop
import Metering
import Model
import Options
import PluginKit
import RemotePlugins
import Routing

/// Turns a service's options into what its loops run.
struct ServicePlanner {
    let options: GatewayOptions
    let plugins: PluginSet
    let objects: SharedObjects
    let quotas: QuotaSet
    let factory: ObjectFactory
    let own: OwnEndpoints
    let throttle: LoginThrottle
    let names: NameServices
    /// Makes who is asked for a limiter that is a plugin's server, where a service names it.
    let remoteLimiter:
        (LimiterReference, RemoteLimiterOptions, String) throws(StartFault) -> RemoteLimiter?
    /// Makes who is asked for an auther that is a plugin's server.
    let remoteAuther: (HTTPPluginOptions, String) throws(StartFault) -> HTTPAuthenticator
    /// How services were metered until now, by name; none of those whose plugins have changed.
    let known: [String: MeteredService]

    /// The plan of one service.
    func plan(_ service: ServiceOptions) throws(StartFault) -> ServicePlan {
        let handler = service.handler
        let name = service.name.value
        let metered = metered(service)
        let info = metered.info
        let gate = LoginGate(
            service: name, authers: try authers(handler.authers, handler.credential),
            exempt: handler.exemptClients,
            throttle: throttle)
        let settings = ServiceSettings(
            metered: metered, gate: gate,
            handshakeNanoseconds: nanoseconds(handler.readTimeout, or: 15_000),
            dialNanoseconds: nanoseconds(service.dialTimeout, or: Limits.dialMilliseconds),
            streamIdleNanoseconds: nanoseconds(
                handler.idleTimeout, or: Limits.streamIdleMilliseconds),
            datagramIdleNanoseconds: nanoseconds(datagramIdle(service), or: 60_000),
            handler: try handlerSettings(service),
            introducers: service.proxyHeaders.map { Introducers(in: $0.trusted) },
            introducing: introducing(handler), limits: try limits(service),
            arrivals: arrivals(service),
            clients: factory.admissions(service.admissions),
            bypasses: factory.bypasses(service.bypasses),
            egress: ChainPlanner.egress(service.egress))
        let (own, names) = (own, names)
        let allowsPrivate = service.allowsPrivateDestinations
        let resolver = service.resolver?.value
        let hosts = factory.hosts(service.hosts?.value)
        return ServicePlan(
            address: service.address, transport: service.listener.transport, settings: settings,
            admissions: plugins.admissions(info.guids),
            makeResolver: { names.resolver(resolver, hosts: hosts, for: $0) },
            makeRoute: try makeRoute(service),
            guarding: { endpoint, client in
                own.objection(to: endpoint, client: client, allowsPrivate: allowsPrivate)
            },
            passing: PassingEndpoints(
                occupy: { own.occupy($0) }, vacate: { own.vacate($0) }))
    }

    private func introducing(_ handler: HandlerOptions) -> ProxyProtocol.Version? {
        guard case .forward(let forward) = handler.kind, let version = forward.proxyProtocol
        else { return nil }
        return version.value == 1 ? .text : .binary
    }

    /// The facts that the service's flows carry; the same object as before where they are equal,
    /// since open flows have it.
    private func metered(_ service: ServiceOptions) -> MeteredService {
        let statistics = service.handler.statistics
        let metered = MeteredService(
            info: ServiceInfo(
                service: service.name.value, handler: service.handler.type.value,
                guids: statistics.guids.map(\.value)),
            usesAerocoreDirections: statistics.compatibility == .aerocore,
            reportsTCP: statistics.reportsTCP)
        guard let known = known[service.name.value], known.isEqual(to: metered) else {
            return metered
        }
        return known
    }

    private func handlerSettings(_ service: ServiceOptions) throws(StartFault) -> HandlerSettings {
        switch service.handler.kind {
        case .socks5(let socks):
            return .socks(SOCKSSettings(socks, hasChain: !service.chains.isEmpty))
        case .http(let http):
            return .http(HTTPSettings(http, idleTimeout: service.handler.idleTimeout))
        case .auto(let http, let socks):
            return .auto(
                HTTPSettings(http, idleTimeout: service.handler.idleTimeout),
                SOCKSSettings(socks, hasChain: !service.chains.isEmpty))
        case .forward:
            return .forward(try targets(service))
        }
    }

    private func targets(_ service: ServiceOptions) throws(StartFault) -> TargetList {
        var targets: [TargetList.Target] = []
        var selector = SelectorOptions.standard
        if let name = service.forwarder?.hop {
            let hop = options.hops.first { $0.name.value == name.value }
            selector = hop?.selector ?? selector
            for node in hop?.nodes ?? [] {
                targets.append(
                    TargetList.Target(
                        node.address.value, filter: ChainPlanner.filter(node.matcher),
                        ChainPlanner.member(node.share, selector)))
            }
        } else if let forwarder = service.forwarder {
            selector = forwarder.selector
            for node in forwarder.nodes {
                targets.append(
                    TargetList.Target(
                        node.destination.value, filter: ChainPlanner.filter(node.matcher),
                        ChainPlanner.member(node.share, selector)))
            }
        }
        guard !targets.isEmpty else {
            throw StartFault("service '\(service.name.value)' forwards to nobody")
        }
        return TargetList(targets, strategy: ChainPlanner.strategy(selector))
    }

    /// Makes a service's routes for a loop.
    private func makeRoute(
        _ service: ServiceOptions
    ) throws(StartFault) -> @Sendable (Station) -> Router.Plan {
        let group = try ChainPlanner(options: options, objects: objects, factory: factory)
            .group(service)
        let (own, names, route) = (own, names, service.handler.route)
        let bypasses = factory.bypasses(service.bypasses)
        let choice = NameChoice(resolver: service.resolver?.value, hosts: service.hosts?.value)
        let hosts = factory.hosts(choice.hosts)
        let egress = ChainPlanner.egress(service.egress)
        return { station in
            var plan = Router.Plan()
            plan.group = group
            plan.retries = route.retries
            plan.asksForListener = egress.asksForIngress
            plan.hashesByHost = route.hashesByHost
            // Who wrote the file chose the nodes, not the client: a local one is good for all.
            plan.nodeObjection = { endpoint in
                own.objection(
                    to: endpoint, client: Endpoint(.loopbackV4, 0), allowsPrivate: true)
            }
            // No name that is looked up here leads around a bypass.
            plan.farObjection = { endpoint in
                own.objection(beyondChain: endpoint)
                    ?? bypasses.hit(resolved: endpoint).map { "bypass '\($0.name)'" }
            }
            plan.farNames = names.farNames(choice, hosts: hosts, for: station)
            plan.makeResolver = { names.resolver($0, for: station) }
            return plan
        }
    }

    private func datagramIdle(_ service: ServiceOptions) -> Duration {
        switch service.handler.kind {
        case .socks5(let socks), .auto(_, let socks): socks.udpTimeout
        case .http: .zero
        case .forward: service.listener.timeToLive
        }
    }

    /// 0 says "without end" in gost; here everything ends, so it is the longest time allowed.
    private func nanoseconds(_ duration: Duration, or milliseconds: Int) -> UInt64 {
        let chosen = duration > .zero ? duration.wholeMilliseconds : Int64(milliseconds)
        return UInt64(max(1, chosen)) * 1_000_000
    }

    // MARK: Limits

    private func limits(_ service: ServiceOptions) throws(StartFault) -> [any LimitSource] {
        var rates: [any LimitSource] = []
        var named: Set<String> = []
        for reference in service.limiters {
            let name = reference.name.value
            let remote = options.remoteLimiters.first { $0.name.value == name }
            if let remote {
                let limiter = try remoteLimiter(reference, remote, service.name.value)
                if let limiter { rates.append(limiter) }
                continue
            }
            let known = options.limiters.first { $0.name.value == name }
            // A service and its handler may name the same one, which counts once.
            guard let known, named.insert(name).inserted else { continue }
            let limiter = objects.object(.limiters, name) {
                TrafficLimiter(Gateway.rates(known.lines))
            }
            rates.append(LimiterUse(limiter, scope: scope(reference)))
        }
        return rates + quotas.sources(service)
    }

    private func arrivals(_ service: ServiceOptions) -> ArrivalGate? {
        ArrivalGate(
            connections: service.connectionLimiter.flatMap { name in
                options.connectionLimiters.first { $0.name.value == name.value }
            }.map { limiter in
                objects.object(.climiters, limiter.name.value) {
                    ConnectionLimiter(name: limiter.name.value, limiter.lines)
                }
            },
            arrivals: service.arrivalLimiter.flatMap { name in
                options.arrivalLimiters.first { $0.name.value == name.value }
            }.map { limiter in
                objects.object(.rlimiters, limiter.name.value) {
                    ArrivalLimiter(name: limiter.name.value, limiter.lines)
                }
            })
    }

    private func scope(_ reference: LimiterReference) -> LimiterUse.Scope {
        switch reference.scope {
        case .all: .all
        case .service: .service
        case .connections: .connections
        }
    }

    // MARK: Authers

    /// Those who know the users: authers by name, or one user alone.
    func authers(
        _ names: [Located<String>], _ credential: Credential?
    ) throws(StartFault) -> [LoginGate.Auther] {
        if names.isEmpty {
            guard let credential else { return [] }
            return [.table(factory.users([credential]))]
        }
        var authers: [LoginGate.Auther] = []
        for name in names {
            let plugin = options.authers.first { $0.name.value == name.value }?.plugin
            if let plugin {
                let remote = try objects.object(.authers, name.value) {
                    () throws(StartFault) in try remoteAuther(plugin, name.value)
                }
                authers.append(.remote(remote))
                continue
            }
            if let users = factory.auther(name.value) {
                authers.append(.table(users))
                continue
            }
            let found = plugins.authenticators(name.value)
            if found.isEmpty {
                throw StartFault(
                    "\(name.location): plugin '\(name.value)' is named as an auther and checks "
                        + "no logins")
            }
            authers += found.map { .plugin($0) }
        }
        return authers
    }
}

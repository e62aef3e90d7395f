import Configuration
import Inbound
import Loop
import Model
import Options
import Routing

/// Makes resolvers for services from the configuration's `resolvers` and `hosts`.
struct NameServices: Sendable {
    let options: GatewayOptions
    let files: SystemFiles
    let pool: BlockingPool
    let own: OwnEndpoints
    /// The chains that name servers are asked through, by their names.
    let ways: [String: ChainGroup]
    /// The lists of hosts that nodes of chains name.
    let hosts: [String: Published<HostsTable>]

    /// A resolver for a node of a chain on a loop.
    func resolver(_ choice: NameChoice, for station: Station) -> any NameResolver {
        let table = choice.hosts.flatMap { hosts[$0] } ?? Published(HostsTable())
        return resolver(choice.resolver, hosts: table, for: station)
    }

    /// A resolver for a service on a loop; a nil name is the system's ways.
    func resolver(
        _ name: String?, hosts: Published<HostsTable>, for station: Station
    ) -> any NameResolver {
        let servers = options.resolvers.first { $0.name.value == name }?.servers ?? []
        let sources = servers.map(source)
        return Resolver(
            station.loop, hosts: hosts,
            sources: sources.isEmpty ? [Resolver.Source(.system)] : sources,
            lifetime: lifetime(servers), answersStale: servers.contains(where: \.answersStale),
            files: files, pool: pool, routers: { router($0, for: station) })
    }

    /// Leads through a chain to name servers. Who wrote the file chose both, so where they are does
    /// not matter, but nobody is to ask the gateway itself.
    private func router(_ way: ChainGroup, for station: Station) -> Router {
        let nobody = Resolver(
            station.loop, hosts: Published(HostsTable()), sources: [], lifetime: .none,
            files: files, pool: pool)
        let own = own
        let objection: (Endpoint) -> String? = { endpoint in
            own.objection(to: endpoint, client: Endpoint(.loopbackV4, 0), allowsPrivate: true)
        }
        var plan = Router.Plan()
        plan.group = way
        plan.nodeObjection = objection
        plan.makeResolver = { resolver($0, for: station) }
        let direct = Dialer(
            loop: station.loop, resolver: nobody,
            objection: { endpoint, _ in
                objection(endpoint)
            })
        return Router(loop: station.loop, direct: direct, plan: plan)
    }

    /// What happens to names before they go down a chain: a service's own resolver and list of
    /// hosts have the first word.
    func farNames(
        _ choice: NameChoice, hosts: Published<HostsTable>, for station: Station
    ) -> Router.FarNames {
        if choice.resolver != nil {
            return .resolved(resolver(choice.resolver, hosts: hosts, for: station))
        }
        if choice.hosts == nil { return .passed }
        return .written(
            Resolver(
                station.loop, hosts: hosts, sources: [], lifetime: .none, files: files, pool: pool))
    }

    private func source(_ server: NameServerOptions) -> Resolver.Source {
        let families = families(server)
        let way = server.chain.flatMap { ways[$0.value] }
        let plan: NameQueryPlan
        switch server.transport.value {
        case .system:
            return Resolver.Source(.system, families: families)
        case .udp(let endpoint):
            // A chain is a stream, and every name server takes questions over TCP (RFC 7766).
            plan = NameQueryPlan(servers: [NameServer(endpoint, way == nil ? .udp : .tcp)])
        case .tcp(let endpoint):
            plan = NameQueryPlan(servers: [NameServer(endpoint, .tcp)])
        }
        var timed = plan
        timed.timeoutNanoseconds = UInt64(max(1, server.timeout.wholeMilliseconds)) * 1_000_000
        timed.families = families
        timed.clientSubnet = server.clientSubnet
        return Resolver.Source(.servers(timed), families: families, way: way)
    }

    private func families(_ server: NameServerOptions) -> AddressFamilies {
        switch (server.only, server.preferred) {
        case (.ipv4, _): .onlyV4
        case (.ipv6, _): .onlyV6
        case (nil, .ipv6): .preferV6
        case (nil, .ipv4), (nil, nil): .preferV4
        }
    }

    /// One cache serves all servers of a resolver; the first server that says how long decides.
    private func lifetime(_ servers: [NameServerOptions]) -> AnswerCache.Lifetime {
        guard let chosen = servers.compactMap(\.timeToLive).first(where: { $0 != .zero }) else {
            return .ofAnswer
        }
        if chosen < .zero { return AnswerCache.Lifetime.none }
        return .fixed(seconds: UInt32(clamping: max(1, chosen.wholeMilliseconds / 1000)))
    }
}

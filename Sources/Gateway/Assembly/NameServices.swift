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
            files: files, pool: pool)
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
        let plan: NameQueryPlan
        switch server.transport.value {
        case .system:
            return Resolver.Source(.system, families: families)
        case .udp(let endpoint):
            plan = NameQueryPlan(servers: [NameServer(endpoint, .udp)])
        case .tcp(let endpoint):
            plan = NameQueryPlan(servers: [NameServer(endpoint, .tcp)])
        }
        var timed = plan
        timed.timeoutNanoseconds = UInt64(max(1, server.timeout.wholeMilliseconds)) * 1_000_000
        timed.families = families
        timed.clientSubnet = server.clientSubnet
        return Resolver.Source(.servers(timed), families: families)
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

import Codecs
import Configuration
import Inbound
import Loop
import Model
import Options
import Routing

/// Turns chains of the configuration into what routers take. A chain and a named hop are made once:
/// which of their nodes rest is the same for all services.
struct ChainPlanner {
    let options: GatewayOptions
    let objects: SharedObjects
    let factory: ObjectFactory

    /// The chains that a service names; nil where it goes directly.
    func group(_ service: ServiceOptions) throws(StartFault) -> ChainGroup? {
        guard !service.chains.isEmpty else { return nil }
        let route = service.handler.route
        var chains: [ChainGroup.Chain] = []
        for reference in service.chains {
            chains.append(try chain(reference, route.selector))
        }
        return ChainGroup(chains, strategy: Self.strategy(route.selector))
    }

    /// The chains that name servers are asked through, by their names.
    func nameServerWays() throws(StartFault) -> [String: ChainGroup] {
        var ways: [String: ChainGroup] = [:]
        for name in options.resolvers.flatMap(\.servers).compactMap(\.chain)
        where ways[name.value] == nil {
            let chain = try chain(
                ChainReference(name: name, matcher: nil), SelectorOptions.standard)
            ways[name.value] = ChainGroup([chain], strategy: .round)
        }
        return ways
    }

    private func chain(
        _ reference: ChainReference, _ selector: SelectorOptions
    ) throws(StartFault) -> ChainGroup.Chain {
        let name = reference.name
        guard let chain = options.chains.first(where: { $0.name.value == name.value }) else {
            throw StartFault("\(name.location): there is no chain '\(name.value)'")
        }
        let hops = try objects.object(.chains, name.value) {
            () throws(StartFault) -> [Published<Hop>] in
            try self.hops(chain)
        }
        return ChainGroup.Chain(
            name: name.value, hops: hops, filter: Self.filter(reference.matcher),
            member: Self.member(chain.share, selector))
    }

    private func hops(_ chain: ChainOptions) throws(StartFault) -> [Published<Hop>] {
        var hops: [Published<Hop>] = []
        for entry in chain.hops {
            guard let found = options.hop(entry), !found.nodes.isEmpty else {
                throw StartFault("\(entry.name.location): there is no hop '\(entry.name.value)'")
            }
            hops.append(
                entry.isReference
                    ? objects.object(.hops, found.name.value) { hop(found) } : hop(found))
        }
        return hops
    }

    /// A hop, whose file is followed.
    private func hop(_ hop: HopOptions) -> Published<Hop> {
        // Nodes that come later may name any of them.
        let isFollowed = hop.file?.reload != nil
        let names = hop.bypasses + hop.nodes.flatMap(\.bypasses)
        var lists: [String: BypassList] = [:]
        for list in options.bypasses
        where isFollowed || names.contains(where: { $0.value == list.name.value }) {
            lists[list.name.value] = factory.bypass(list)
        }
        let published = Published(Self.hop(hop, hop.nodes, lists))
        let known = NodeReferences(for: hop, in: options)
        factory.files.follow(
            hop.file, of: "hop '\(hop.name.value)'", for: published,
            reread: { [lists] reader in
                hop.reread(with: reader, knowing: known).map { Self.hop(hop, $0, lists) }
            },
            publish: { $0.publish($1) })
        return published
    }

    private static func hop(
        _ options: HopOptions, _ nodes: [NodeOptions], _ lists: [String: BypassList]
    ) -> Hop {
        Hop(
            nodes.enumerated().map { index, node in
                ChainNode(
                    name: node.name.isEmpty ? "\(options.name.value)/\(index)" : node.name,
                    address: node.address.value, connector: connector(node.connector),
                    names: NameChoice(
                        resolver: node.resolver?.value, hosts: node.hosts?.value),
                    filter: filter(node.matcher, bypass: bypass(node.bypasses, lists)),
                    introducing: node.proxyProtocol.map { $0 == 1 ? .text : .binary },
                    egress: egress(node.egress), member: member(node.share, options.selector))
            }, strategy: strategy(options.selector), bypass: bypass(options.bypasses, lists))
    }

    /// How connections leave.
    static func egress(_ options: EgressOptions) -> EgressPlan {
        EgressPlan(
            options.choices.map { choice in
                let place: EgressPlan.Place =
                    switch choice.place {
                    case .device(let name): .device(name)
                    case .address(let address): .address(address)
                    case .ingress: .ingress
                    }
                return EgressPlan.Choice(place, isStrict: choice.isStrict)
            }, mark: options.mark)
    }

    /// What bypasses say together; nil where there are none.
    private static func bypass(
        _ names: [Located<String>], _ lists: [String: BypassList]
    ) -> RouteBypass? {
        if names.isEmpty { return nil }
        let group = BypassGroup(names.compactMap { lists[$0.value] })
        return { query in group.hit(query.destination, query.transport) != nil }
    }

    private static func connector(_ options: ConnectorOptions) -> Connector {
        let kind: Connector.Kind =
            switch options.kind {
            case .http(let fields):
                .http(fields: fields.map { Connector.Field(name: $0.name, value: $0.value) })
            case .socks5: .socks5
            case .passThrough: .passThrough
            }
        return Connector(
            kind,
            login: options.login.map {
                Connector.Login(username: $0.username, password: $0.password)
            },
            timeoutNanoseconds: options.timeout.map {
                UInt64(max(1, $0.wholeMilliseconds)) * 1_000_000
            }, datagramForm: datagramForm(options.datagramForm))
    }

    private static func datagramForm(
        _ form: ConnectorOptions.DatagramForm
    ) -> Connector.DatagramForm {
        switch form {
        case .any: .any
        case .frames: .frames
        case .associate: .associate
        }
    }

    /// What one of several is for.
    static func filter(_ matcher: MatcherOptions?, bypass: RouteBypass? = nil) -> RouteFilter {
        RouteFilter(rule: matcher?.rule, priority: matcher?.priority ?? 0, bypass: bypass)
    }

    /// How one of several is chosen.
    static func strategy(_ options: SelectorOptions) -> Selector.Strategy {
        switch options.strategy {
        case .round: .round
        case .random: .random
        case .fifo: .fifo
        case .hash: .hash
        }
    }

    /// One's part in a choice.
    static func member(_ share: ShareOptions, _ selector: SelectorOptions) -> Selector.Member {
        Selector.Member(
            weight: share.weight, isBackup: share.isBackup,
            maxFails: share.maxFails ?? selector.maxFails,
            failTimeoutMilliseconds: (share.failTimeout ?? selector.failTimeout)
                .wholeMilliseconds)
    }
}

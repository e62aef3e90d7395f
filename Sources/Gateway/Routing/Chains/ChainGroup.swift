package import Loop

/// The chains that a handler names, of which one is taken.
///
/// ## Concurrency
/// Any loop; see `Selector`.
package final class ChainGroup: Sendable {
    /// Proxies to go through, one behind the other.
    package struct Chain: Sendable {
        /// Its name.
        package let name: String
        /// Its hops in the order of the way, each as it is for now.
        package let hops: [Published<Hop>]
        /// What it is for.
        package let filter: RouteFilter
        /// Its share in the group, and when it rests.
        package let member: Selector.Member

        /// A chain whose hops stay as they are.
        package init(
            name: String, hops: [Hop], filter: RouteFilter = .everything, member: Selector.Member
        ) {
            self.init(
                name: name, hops: hops.map { Published($0) }, filter: filter, member: member)
        }

        package init(
            name: String, hops: [Published<Hop>], filter: RouteFilter = .everything,
            member: Selector.Member
        ) {
            self.name = name
            self.hops = hops
            self.filter = filter
            self.member = member
        }
    }

    private let chains: [Chain]
    private let selector: Selector

    /// At least one chain.
    package init(_ chains: [Chain], strategy: Selector.Strategy) {
        self.chains = chains
        selector = Selector(chains.map(\.member), strategy: strategy)
    }

    /// A way for a request, and whose it is; nil where no chain is for it. A hop that is not for
    /// the request ends the way before it, as in gost. An empty way is the direct one.
    func choose(
        _ request: RouteQuery, _ draw: Selector.Draw, avoiding failed: FailedNodes
    ) -> (chain: Int, route: Route)? {
        let candidates = chains.indices.filter { chains[$0].filter.passes(request) }
        let order = selector.order(candidates, draw) { chains[$0].filter.priority }
        guard let chain = order.first else { return nil }
        var steps: [Route.Step] = []
        for entry in chains[chain].hops {
            let hop = entry.value
            guard
                let node = hop.choose(request, draw, avoiding: failed.nodes(of: hop))
            else { break }
            steps.append(Route.Step(hop, node))
        }
        return (chain, Route(steps))
    }

    /// Whether a node wants to know where clients connected to: to be told it, or to be reached
    /// from there.
    var asksForListener: Bool {
        chains.contains { chain in chain.hops.contains { $0.value.asksForListener } }
    }

    func succeeded(_ chain: Int) { selector.succeeded(chain) }

    func failed(_ chain: Int, nowMilliseconds: Int64) {
        selector.failed(chain, nowMilliseconds: nowMilliseconds)
    }
}

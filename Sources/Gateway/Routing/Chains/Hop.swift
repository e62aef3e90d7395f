/// One step of chains: nodes of which one is taken. Chains of all services that name it share it,
/// and with it which nodes rest. Nodes do not change: a file of them makes another hop.
///
/// ## Concurrency
/// Any loop; see `Selector`.
package final class Hop: Sendable {
    /// Its nodes in file order.
    package let nodes: [ChainNode]
    /// True for what goes past this hop and all behind it.
    package let bypass: RouteBypass?
    /// Whether a node wants to know where clients connected to.
    let asksForListener: Bool
    private let selector: Selector

    /// A hop of at least one node.
    package init(
        _ nodes: [ChainNode], strategy: Selector.Strategy, bypass: RouteBypass? = nil
    ) {
        self.nodes = nodes
        self.bypass = bypass
        asksForListener = nodes.contains { $0.introducing != nil || $0.egress.asksForIngress }
        selector = Selector(nodes.map(\.member), strategy: strategy)
    }

    /// The node to take, one not in `avoided` if there is one; nil where the hop or all of its
    /// nodes are not for this request.
    func choose(_ request: RouteQuery, _ draw: Selector.Draw, avoiding avoided: Set<Int>)
        -> Int?
    {
        if let bypass, bypass(request) { return nil }
        let candidates = nodes.indices.filter { nodes[$0].filter.passes(request) }
        let order = selector.order(candidates, draw) { nodes[$0].filter.priority }
        return order.first { !avoided.contains($0) } ?? order.first
    }

    /// A node did its part.
    package func succeeded(_ node: Int) { selector.succeeded(node) }

    /// A node did not.
    package func failed(_ node: Int, nowMilliseconds: Int64) {
        selector.failed(node, nowMilliseconds: nowMilliseconds)
    }
}

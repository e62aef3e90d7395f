/// The nodes that one attempt goes through, outermost first; none goes directly.
package struct Route: Sendable {
    /// One node taken.
    package struct Step: Sendable {
        /// The hop.
        package let hop: Hop
        /// Which of its nodes.
        package let index: Int

        /// The node.
        package var node: ChainNode { hop.nodes[index] }

        init(_ hop: Hop, _ index: Int) {
            self.hop = hop
            self.index = index
        }
    }

    /// The nodes in the order of the way.
    package let steps: [Step]

    init(_ steps: [Step]) { self.steps = steps }

    /// Names of the nodes, as flow records have them.
    package var names: [String] { steps.map(\.node.name) }
}

/// Nodes that failed in earlier attempts for the same request.
struct FailedNodes {
    private var nodes: [ObjectIdentifier: Set<Int>] = [:]

    mutating func insert(_ step: Route.Step) {
        nodes[ObjectIdentifier(step.hop), default: []].insert(step.index)
    }

    func nodes(of hop: Hop) -> Set<Int> { nodes[ObjectIdentifier(hop)] ?? [] }
}

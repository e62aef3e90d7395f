package import Model
package import Options

/// Where a forwarding handler sends its traffic.
package struct ForwarderOptions: Sendable {
    /// Its targets; empty where a hop has them.
    package let nodes: [ForwardNodeOptions]
    /// The `hops:` entry whose nodes are its targets; nil where it has its own.
    package let hop: Located<String>?
    /// How the next node is chosen.
    package let selector: SelectorOptions

    init(nodes: [ForwardNodeOptions], hop: Located<String>?, selector: SelectorOptions) {
        self.nodes = nodes
        self.hop = hop
        self.selector = selector
    }
}

/// One target of a forwarder.
package struct ForwardNodeOptions: Sendable {
    /// Its name in the log.
    package let name: String
    /// Where it is.
    package let destination: Located<Destination>
    /// Whom it is for; nil is everybody.
    package let matcher: MatcherOptions?
    /// Its share.
    package let share: ShareOptions

    init(
        name: String, destination: Located<Destination>, matcher: MatcherOptions?,
        share: ShareOptions
    ) {
        self.name = name
        self.destination = destination
        self.matcher = matcher
        self.share = share
    }
}

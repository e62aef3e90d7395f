package import Options

/// A chain that a handler names.
package struct ChainReference: Sendable {
    /// The `chains:` entry.
    package let name: Located<String>
    /// What it is for; nil is everything.
    package let matcher: MatcherOptions?

    package init(name: Located<String>, matcher: MatcherOptions?) {
        self.name = name
        self.matcher = matcher
    }
}

/// Which way a handler's connections take.
package struct RouteOptions: Sendable {
    /// Chains of which one is taken; empty goes directly.
    package let chains: [ChainReference]
    /// How one of several chains is chosen.
    package let selector: SelectorOptions
    /// Further attempts after one that failed, through other nodes where there are any.
    package let retries: Int
    /// Whether `hash` goes by what was asked for, not by who asks.
    package let hashesByHost: Bool

    init(
        chains: [ChainReference], selector: SelectorOptions, retries: Int, hashesByHost: Bool
    ) {
        self.chains = chains
        self.selector = selector
        self.retries = retries
        self.hashesByHost = hashesByHost
    }
}

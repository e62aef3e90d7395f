package import Options

/// Which way a handler's connections take.
package struct RouteOptions: Sendable {
    /// Names of `chains:` entries of which one is taken; empty goes directly.
    package let chains: [Located<String>]
    /// How one of several chains is chosen.
    package let selector: SelectorOptions
    /// Further attempts after one that failed, through other nodes where there are any.
    package let retries: Int
    /// Whether `hash` goes by what was asked for, not by who asks.
    package let hashesByHost: Bool

    init(
        chains: [Located<String>], selector: SelectorOptions, retries: Int, hashesByHost: Bool
    ) {
        self.chains = chains
        self.selector = selector
        self.retries = retries
        self.hashesByHost = hashesByHost
    }
}

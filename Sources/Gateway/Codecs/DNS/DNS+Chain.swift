package import Model

extension DNS.Response {
    /// Where a name led.
    package struct Chain: Hashable, Sendable {
        /// The addresses at the end, in the server's order, without repetition.
        package let addresses: [IPAddress]
        /// How long all of it may be kept: the least of the lifetimes used, or nil where no record
        /// was.
        package let lifetimeSeconds: UInt32?
        /// The name at the end: the one asked for, or what its aliases lead to.
        package let end: DNS.Name

        package init(addresses: [IPAddress], lifetimeSeconds: UInt32?, end: DNS.Name) {
            self.addresses = addresses
            self.lifetimeSeconds = lifetimeSeconds
            self.end = end
        }
    }

    /// Aliases followed before a chain is taken for endless.
    private static let aliasesMax = 16

    /// Follows `name` through the aliases of this answer to its addresses.
    ///
    /// Records of other names are not believed. An endless chain has no addresses.
    package func follow(_ name: DNS.Name) -> Chain {
        var current = name
        var lifetime: UInt32?
        let shorten = { (seconds: UInt32) in lifetime = min(lifetime ?? seconds, seconds) }
        for _ in 0...Self.aliasesMax {
            var addresses: [IPAddress] = []
            var alias: DNS.Name?
            for record in records where record.name == current {
                switch record.content {
                case .address(let address):
                    if !addresses.contains(address) { addresses.append(address) }
                    shorten(record.lifetimeSeconds)
                case .alias(let next):
                    guard alias == nil else { continue }
                    alias = next
                    shorten(record.lifetimeSeconds)
                }
            }
            guard addresses.isEmpty, let alias else {
                return Chain(addresses: addresses, lifetimeSeconds: lifetime, end: current)
            }
            current = alias
        }
        return Chain(addresses: [], lifetimeSeconds: lifetime, end: current)
    }
}

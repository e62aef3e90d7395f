package import Loop
package import Model

/// Destinations that are passed by, or the only ones that are not: gost's bypass.
package struct BypassList: Sendable {
    /// What reasons call it.
    package let name: String
    /// Whether destinations of the list are the only ones that are not passed by.
    package let isWhitelist: Bool
    /// What it is about; nil is TCP and UDP.
    package let transport: TransportProtocol?
    private let patterns: Published<PatternSet>

    /// A list over patterns that may change.
    package init(
        name: String, isWhitelist: Bool, transport: TransportProtocol?,
        patterns: Published<PatternSet>
    ) {
        self.name = name
        self.isWhitelist = isWhitelist
        self.transport = transport
        self.patterns = patterns
    }

    /// Whether the list says of a destination, as the client asked for it, to pass it by.
    package func hits(_ destination: Destination, _ transport: TransportProtocol) -> Bool {
        if let own = self.transport, own != transport { return false }
        return patterns.value.contains(destination.host, port: destination.port) != isWhitelist
    }

    /// Whether the list names an address that a name led to; whitelists are about what was asked
    /// for and never do.
    func names(_ endpoint: Endpoint) -> Bool {
        !isWhitelist && transport == nil
            && patterns.value.contains(endpoint.address, port: endpoint.port)
    }
}

/// Bypasses that are asked together: a destination is passed by when all whitelists say so, or
/// any other list does.
package struct BypassGroup: Sendable {
    private let lists: [BypassList]

    /// A group; without lists nothing is passed by.
    package init(_ lists: [BypassList]) { self.lists = lists }

    /// Passes nothing by.
    package static let none = BypassGroup([])

    /// The list by which a destination is passed by; nil where it is not.
    package func hit(_ destination: Destination, _ transport: TransportProtocol) -> BypassList? {
        if lists.isEmpty { return nil }
        var (first, areAllAgainst): (BypassList?, Bool) = (nil, true)
        for list in lists {
            let isHit = list.hits(destination, transport)
            if !list.isWhitelist {
                if isHit { return list }
            } else {
                areAllAgainst = areAllAgainst && isHit
                if isHit && first == nil { first = list }
            }
        }
        return areAllAgainst ? first : nil
    }

    /// The list that names an address which a name led to, so that no name leads around it.
    package func hit(resolved endpoint: Endpoint) -> BypassList? {
        lists.first { $0.names(endpoint) }
    }
}

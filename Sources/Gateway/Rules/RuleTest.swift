import Model

/// One function of a rule with its argument.
enum RuleTest: Sendable, Hashable {
    /// A name, all names below one (with its dot), or an address; at a port or at every port.
    case host(String, includesBelow: Bool, port: UInt16?)
    case hostPattern(Pattern)
    case clientAddress(IPPrefix)
    case network(TransportProtocol)

    var asksForDestination: Bool {
        switch self {
        case .host, .hostPattern: true
        case .clientAddress, .network: false
        }
    }

    func holds(for facts: RuleFacts) -> Bool {
        switch self {
        case .host(let name, let includesBelow, let port):
            guard port == nil || port == facts.port else { return false }
            return includesBelow ? facts.host.hasSuffix(name) : facts.host == name
        case .hostPattern(let pattern):
            return pattern.occurs(in: facts.host)
        case .clientAddress(let prefix):
            return prefix.contains(facts.client)
        case .network(let transport):
            return facts.transport == transport
        }
    }
}

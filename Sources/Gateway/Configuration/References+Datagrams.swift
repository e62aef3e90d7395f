import Model
import Options

extension References {
    /// Whether UDP comes through the chains of services that have it.
    mutating func checkDatagramChains() {
        for service in options.services where service.servesDatagrams {
            for reference in service.chains {
                guard
                    let chain = options.chains.first(where: {
                        $0.name.value == reference.name.value
                    }),
                    let last = chain.hops.last
                else { continue }
                for node in options.hop(last)?.nodes ?? [] {
                    check(node.connector, of: service, hasNodesBefore: chain.hops.count > 1)
                }
            }
        }
    }

    private mutating func check(
        _ connector: ConnectorOptions, of service: ServiceOptions, hasNodesBefore: Bool
    ) {
        if connector.isPassThrough {
            warn(
                "the connector '\(connector.type.value)' carries no UDP: that of the service"
                    + " '\(service.name.value)' does not come through here",
                at: connector.type.location, hint: "socks5 and http do")
        } else if hasNodesBefore, connector.datagramForm == .associate {
            warn(
                "UDP ASSOCIATE goes to this node directly, past the nodes before it, as in gost",
                at: connector.type.location,
                hint: "without 'relay: udp' it goes through them, if the node knows UDP over TCP")
        }
    }
}

extension ServiceOptions {
    /// Whether it takes UDP.
    fileprivate var servesDatagrams: Bool {
        switch handler.kind {
        case .socks5(let socks): socks.allowsUDP
        case .http(let http): http.allowsUDP
        case .auto(let http, let socks): http.allowsUDP || socks.allowsUDP
        case .forward: listener.transport == .udp
        }
    }
}

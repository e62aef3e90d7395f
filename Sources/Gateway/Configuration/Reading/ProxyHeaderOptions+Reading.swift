import Model
import Options

extension ProxyHeaderOptions {
    private static let trustKey = "proxyProtocol.trust"

    /// Reads `proxyProtocol` of a service's metadata, and of whom headers are believed; nil where
    /// none are expected.
    init?(from reader: inout OptionReader, transport: TransportProtocol?, address: Endpoint) {
        let isOn = reader.integer("proxyProtocol", default: 0, in: 0...2) != 0
        let findings = reader.diagnostics.count
        let networks = reader.prefixes(Self.trustKey)
        let namesNetworks = reader.has(Self.trustKey)
        if namesNetworks, networks.isEmpty, reader.diagnostics.count == findings {
            reader.error(
                "'\(Self.trustKey)' names nobody", at: reader.location(of: Self.trustKey),
                hint: "leave 'proxyProtocol' out where no header is believed")
        }
        guard isOn else {
            if namesNetworks {
                reader.warn(
                    "'\(Self.trustKey)' does nothing without 'proxyProtocol'",
                    at: reader.location(of: Self.trustKey))
            }
            return nil
        }
        guard transport != .udp else {
            reader.warn(
                "'proxyProtocol' is ignored: PROXY headers stand in front of TCP streams only",
                at: reader.location(of: "proxyProtocol"))
            return nil
        }
        if !namesNetworks, !address.address.isLoopback {
            reader.warn(
                "everybody who connects may say who he is: policy, logins and records go by it",
                at: reader.location(of: "proxyProtocol"),
                hint: "name the proxies in front: proxyProtocol.trust: [192.0.2.0/24]")
        }
        self.init(trusted: namesNetworks ? networks : nil)
    }
}

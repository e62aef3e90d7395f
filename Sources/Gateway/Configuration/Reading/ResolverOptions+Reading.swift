import Model
import Options

extension ResolverOptions {
    /// Reads one entry of `resolvers:`.
    init(from reader: inout OptionReader) {
        name = reader.name(of: "resolver")
        servers = reader.mappings("nameservers") { NameServerOptions(from: &$0) }
            .compactMap { $0 }
        if !reader.has("nameservers") {
            reader.missing("nameservers", hint: "such as nameservers: [{addr: 1.1.1.1}]")
        }
        reader.notYet(.error, ["plugin"])
    }
}

extension NameServerOptions {
    /// Reads one entry of `nameservers:`; nil after a mistake in its address.
    init?(from reader: inout OptionReader) {
        let families: KeyValuePairs<String, Family> = ["ipv4": .ipv4, "ipv6": .ipv6]
        preferred = reader.choice("prefer", among: families)
        only = reader.choice("only", among: families)
        timeToLive = reader.duration(
            "ttl", in: .seconds(-3600) ... .longest, bareNumber: .isNanoseconds
        ).flatMap { $0 == .zero ? nil : $0 }
        let asked = reader.duration("timeout", default: .zero, bareNumber: .isNanoseconds)
        timeout = asked == .zero ? .seconds(5) : asked
        chain = reader.locatedString("chain").flatMap { $0.value.isEmpty ? nil : $0 }
        answersStale = reader.bool("async", default: false)
        clientSubnet =
            reader.value(
                ["clientIP"], mustBe: "an address or a range, such as 192.0.2.1 or 192.0.2.0/24"
            ) { $0.text.flatMap { Self.clientSubnet($0) } }?.value
        reader.accept("hostname")
        guard let address = reader.requiredString("addr", hint: "such as 1.1.1.1 or system"),
            let transport = Self.transport(address, &reader)
        else { return nil }
        self.transport = Located(transport, at: address.location)
        if transport == .system, let chain {
            reader.error(
                "what the system does does not go through a chain", at: chain.location,
                hint: "name a server, such as addr: 1.1.1.1")
        }
    }

    /// A range as it is; of an address only as much as name servers need (RFC 7871 §11.1).
    private static func clientSubnet(_ text: String) -> IPPrefix? {
        guard let address = IPAddress(text) else { return IPPrefix(text) }
        return IPPrefix(address, length: address.isV4 ? 24 : 56)
    }

    private static func transport(
        _ address: Located<String>, _ reader: inout OptionReader
    ) -> Transport? {
        if address.value.lowercased() == "system" { return .system }
        let parts = address.value.split(separator: "://", maxSplits: 1)
        let scheme = parts.count == 2 ? parts[0].lowercased() : "udp"
        let place = parts.count == 2 ? String(parts[1]) : address.value
        switch scheme {
        case "udp", "tcp":
            guard let endpoint = endpoint(place) else {
                reader.error(
                    "'addr' must be an IP address, with a port if it is not 53",
                    at: address.location, hint: "such as 1.1.1.1, udp://1.1.1.1:53, tcp://[::1]:53")
                return nil
            }
            return scheme == "udp" ? .udp(endpoint) : .tcp(endpoint)
        case "tls", "dot", "https", "doh", "h3", "quic", "doq":
            reader.error(
                "name servers over \(scheme) are not available yet", at: address.location)
            return nil
        default:
            reader.error(
                "'\(scheme)' is no way to ask a name server", at: address.location,
                hint: Suggestion.hint(for: scheme, among: ["udp", "tcp", "tls", "https"])
                    ?? "udp and tcp are")
            return nil
        }
    }

    private static func endpoint(_ text: String) -> Endpoint? {
        if let address = IPAddress(text) { return Endpoint(address, 53) }
        if text.hasPrefix("["), text.hasSuffix("]") {
            return IPAddress(text.dropFirst().dropLast()).map { Endpoint($0, 53) }
        }
        return Endpoint(text).flatMap { $0.port == 0 ? nil : $0 }
    }
}

package import Model

/// What `/etc/resolv.conf` (resolv.conf(5)) asks of a resolver. Reading never fails: what is not
/// understood is left out, as the C library does.
package struct ResolverConfiguration: Hashable, Sendable {
    /// Servers in order of preference, all on port 53; the local machine where none is named.
    package private(set) var nameServers: [IPAddress] = []
    /// Domains tried behind short names, without dots around them.
    package private(set) var searchDomains: [String] = []
    /// A name with at least so many dots is tried alone first.
    package private(set) var dotsMin = 1
    /// How long one server is waited for.
    package private(set) var timeoutSeconds = 5
    /// How often every server is asked.
    package private(set) var attempts = 2

    /// More than the C library's 3, and still few enough to be asked one after another.
    private static let nameServersMax = 8
    /// What the C library had as its bound for long, and each costs a round trip.
    private static let searchDomainsMax = 6

    /// What an empty or missing file asks for.
    package init() {
        self.init(parsing: "")
    }

    /// Reads a file's text.
    package init(parsing text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            guard let first = line.first, first != "#", first != ";" else { continue }
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let keyword = words.first else { continue }
            take(keyword, words.dropFirst())
        }
        if nameServers.isEmpty { nameServers = [.loopbackV4] }
    }

    private mutating func take(_ keyword: Substring, _ values: ArraySlice<Substring>) {
        switch keyword {
        case "nameserver":
            guard nameServers.count < Self.nameServersMax, let address = values.first,
                let server = IPAddress(address), !nameServers.contains(server)
            else { return }
            nameServers.append(server)
        case "domain":
            searchDomains = values.prefix(1).compactMap(Self.domain)
        case "search":
            searchDomains = Array(values.compactMap(Self.domain).prefix(Self.searchDomainsMax))
        case "options":
            for option in values { take(option: option) }
        default:
            return
        }
    }

    private mutating func take(option: Substring) {
        let parts = option.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let value = Int(parts[1]), value >= 0 else { return }
        switch parts[0] {
        case "ndots": dotsMin = min(value, 15)
        case "timeout": timeoutSeconds = min(max(value, 1), 30)
        case "attempts": attempts = min(max(value, 1), 5)
        default: return
        }
    }

    /// A domain without dots around it; nil for the root, which adds nothing.
    private static func domain(_ text: Substring) -> String? {
        let domain = text.drop { $0 == "." }
        let end = domain.hasSuffix(".") ? domain.dropLast() : domain
        return end.isEmpty ? nil : end.lowercased()
    }
}

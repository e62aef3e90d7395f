package import Model

/// Names whose addresses are written down, as in `hosts` objects and `/etc/hosts`.
///
/// Three kinds of names, tried in this order: the name itself; a suffix written with a dot in
/// front, the longest first, which holds for what ends with it and for the name after the dot
/// itself; and a single dot, which holds for every name.
package struct HostsTable: Sendable {
    private var addresses: [String: [IPAddress]] = [:]

    /// A table without names.
    package init() {}

    /// Whether no name is written down.
    package var isEmpty: Bool { addresses.isEmpty }

    /// Adds an address to names; repeated pairs count once, capitals do not matter.
    package mutating func add(_ address: IPAddress, names: some Sequence<String>) {
        for name in names {
            let key = Self.key(name)
            guard !key.isEmpty, addresses[key]?.contains(address) != true else { continue }
            addresses[key, default: []].append(address)
        }
    }

    /// The addresses of `name` in the order they were added; empty where the table does not know.
    package func addresses(of name: String) -> [IPAddress] {
        guard !addresses.isEmpty else { return [] }
        let key = Self.key(name)
        if let found = addresses[key] { return found }
        var suffix = "." + key
        while true {
            if let found = addresses[suffix] { return found }
            let rest = suffix.dropFirst()
            guard let dot = rest.firstIndex(of: ".") else { break }
            suffix = String(rest[dot...])
        }
        return addresses["."] ?? []
    }

    /// Lower case, and without the dot that only says that a name is complete.
    private static func key(_ name: String) -> String {
        let key = name.lowercased()
        return key.count > 1 && key.hasSuffix(".") ? String(key.dropLast()) : key
    }
}

package import Model

/// Patterns of hosts and ports, made ready so that one look costs about the same for ten of them
/// and for a hundred thousand.
///
/// Addresses are found by halving, names and domains label by label, globs by pieces of their
/// text. Addresses are also tried as text by those globs that may mean them (`192.168.*`).
///
/// ## Concurrency
/// Immutable; any thread.
package final class PatternSet: Sendable {
    private let fours: AddressTable
    private let sixes: AddressTable
    private let names: NameTable
    private let globs: GlobTable
    /// How many patterns it was made of.
    package let count: Int

    /// A set of patterns. Takes time in proportion to their number: for long lists call it where
    /// waiting is allowed.
    package init(_ patterns: some Sequence<HostPattern>) {
        var ranges: [Bool: [(first: IPAddress, last: IPAddress, ports: ClosedRange<UInt16>?)]] = [:]
        var names = NameTable()
        var globs: [[UInt8]: PortSet] = [:]
        var count = 0
        for pattern in patterns {
            count += 1
            let ports = pattern.ports
            switch pattern.hosts {
            case .addresses(let first, let last):
                ranges[first.isV4, default: []].append((first, last, ports))
            case .name(let name):
                names.insert(name.utf8, itself: true, below: false, ports: ports)
            case .domain(let name):
                names.insert(name.utf8, itself: true, below: true, ports: ports)
            case .glob(let glob):
                if let domain = Self.domain(below: glob) {
                    names.insert(domain.utf8, itself: false, below: true, ports: ports)
                } else {
                    globs[Array(glob.utf8), default: .none].insert(ports)
                }
            }
        }
        fours = AddressTable(ranges[true] ?? [])
        sixes = AddressTable(ranges[false] ?? [])
        self.names = names
        self.globs = GlobTable(globs)
        self.count = count
    }

    /// No patterns.
    package static let empty = PatternSet([])

    /// Whether a pattern means the host and the port; nil is any port. A dot at a name's end and
    /// capitals make no difference.
    package func contains(_ host: Destination.Host, port: UInt16?) -> Bool {
        switch host {
        case .address(let address): contains(address, port: port)
        case .name(let name): contains(name: name, port: port)
        }
    }

    /// Whether a pattern means the address and the port; nil is any port.
    package func contains(_ address: IPAddress, port: UInt16?) -> Bool {
        if (address.isV4 ? fours : sixes).contains(address, port: port) { return true }
        guard globs.concernsAddresses else { return false }
        return globs.contains(Array(address.description.utf8).span, port: port)
    }

    private func contains(name: String, port: UInt16?) -> Bool {
        if names.isEmpty && globs.isEmpty { return false }
        var bytes = name.utf8.map { (65...90).contains($0) ? $0 | 0x20 : $0 }
        if bytes.count > 1, bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        let span = bytes.span
        return names.contains(span, port: port)
            || (!globs.isEmpty && globs.contains(span, port: port))
    }

    /// `example.org` of `*.example.org`, which says the same as "below example.org"; nil for other
    /// globs, and for those that may mean addresses.
    private static func domain(below glob: String) -> Substring? {
        guard glob.hasPrefix("*.") else { return nil }
        let rest = glob.dropFirst(2)
        let isPlain = !rest.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
        let hasLetter = rest.utf8.contains { (97...122).contains($0) }
        return isPlain && hasLetter && rest.utf8.first != UInt8(ascii: ".") ? rest : nil
    }
}

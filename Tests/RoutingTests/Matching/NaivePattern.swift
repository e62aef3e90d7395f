import Model

/// The meaning of patterns said once more, as plainly as can be: every pattern of a list is tried
/// on its own, from its text.
struct NaivePattern {
    let text: String

    func matches(_ host: Destination.Host, port: UInt16) -> Bool {
        var hosts = text
        // A colon with only digits and a dash behind it is a port, unless more colons say IPv6.
        if text.filter({ $0 == ":" }).count == 1 || text.contains("]") {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            if let last = parts.last, !last.contains("]"), parts.count > 1 {
                let bounds = last.split(separator: "-").compactMap { Int($0) }
                guard let low = bounds.first, let high = bounds.last,
                    (low...high).contains(Int(port))
                else { return false }
                hosts = String(text.dropLast(last.count + 1))
            }
        }
        hosts = hosts.filter { $0 != "[" && $0 != "]" }.lowercased()
        switch host {
        case .address(let address):
            return matches(hosts, address)
        case .name(let name):
            return matches(hosts, name.lowercased())
        }
    }

    private func matches(_ hosts: String, _ address: IPAddress) -> Bool {
        if hosts.contains("*") || hosts.contains("?") {
            return glob(Array(hosts), Array(address.description))
        }
        if let prefix = IPPrefix(hosts) { return prefix.contains(address) }
        let ends = hosts.split(separator: "-").compactMap { IPAddress($0) }
        guard ends.count == 2, ends[0].isV4 == address.isV4 else { return false }
        return number(ends[0]) <= number(address) && number(address) <= number(ends[1])
    }

    private func number(_ address: IPAddress) -> UInt128 {
        UInt128(address.high) << 64 | UInt128(address.low)
    }

    private func matches(_ hosts: String, _ name: String) -> Bool {
        let name = name.hasSuffix(".") ? String(name.dropLast()) : name
        if hosts.contains("*") || hosts.contains("?") { return glob(Array(hosts), Array(name)) }
        if hosts.hasPrefix(".") { return name == hosts.dropFirst() || name.hasSuffix(hosts) }
        return name == hosts
    }

    /// By the definition, with every way tried (dynamic programming over both lengths).
    private func glob(_ pattern: [Character], _ text: [Character]) -> Bool {
        var row = [true] + text.map { _ in false }
        for sign in pattern {
            var next = [sign == "*" && row[0]]
            for (index, character) in text.enumerated() {
                switch sign {
                case "*": next.append(next[index] || row[index + 1])
                case "?": next.append(row[index])
                default: next.append(row[index] && sign == character)
                }
            }
            row = next
        }
        return row[text.count]
    }
}

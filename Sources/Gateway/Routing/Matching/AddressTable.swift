import Model

/// Ranges of addresses of one family, some with ports: found by halving.
///
/// Ranges with all ports are merged until they lie apart, so that one search decides. Ranges with
/// ports may lie in each other; they are a tree in an array, whose node in the middle of a part
/// knows how far the part's ranges reach.
struct AddressTable: Sendable {
    private struct Entry: Sendable {
        let first: IPAddress
        let last: IPAddress
        let ports: PortSet
    }

    private struct Span: Hashable {
        let first: IPAddress
        let last: IPAddress
    }

    private var firsts: [IPAddress] = []
    private var lasts: [IPAddress] = []
    private var entries: [Entry] = []
    private var reaches: [IPAddress] = []

    /// A table of patterns' addresses.
    init(_ ranges: [(first: IPAddress, last: IPAddress, ports: ClosedRange<UInt16>?)]) {
        var limited: [Span: PortSet] = [:]
        var free: [Span] = []
        for range in ranges {
            let span = Span(first: range.first, last: range.last)
            if let ports = range.ports {
                limited[span, default: .none].insert(ports)
            } else {
                free.append(span)
            }
        }
        merge(free.sorted { $0.first < $1.first })
        entries = limited.map { Entry(first: $0.first, last: $0.last, ports: $1) }
            .sorted { ($0.first, $0.last) < ($1.first, $1.last) }
        reaches = entries.map(\.last)
        _ = reach(of: 0..<entries.count)
    }

    private mutating func merge(_ spans: [Span]) {
        for span in spans {
            // In order of their first addresses: a span overlaps the last one or none.
            if let last = lasts.last, span.first <= last {
                if span.last > last { lasts[lasts.count - 1] = span.last }
            } else {
                firsts.append(span.first)
                lasts.append(span.last)
            }
        }
    }

    private mutating func reach(of part: Range<Int>) -> IPAddress? {
        if part.isEmpty { return nil }
        let middle = (part.lowerBound + part.upperBound) / 2
        let parts = [
            reach(of: part.lowerBound..<middle), reach(of: middle + 1..<part.upperBound),
        ]
        let farthest = parts.compactMap { $0 }.reduce(entries[middle].last) { max($0, $1) }
        reaches[middle] = farthest
        return farthest
    }

    /// Whether a pattern names the address and the port; nil is any port.
    func contains(_ address: IPAddress, port: UInt16?) -> Bool {
        var (low, high) = (0, firsts.count)
        while low < high {
            let middle = (low + high) / 2
            if firsts[middle] <= address { low = middle + 1 } else { high = middle }
        }
        if low > 0 && address <= lasts[low - 1] { return true }
        return !entries.isEmpty && contains(address, port: port, in: 0..<entries.count)
    }

    private func contains(_ address: IPAddress, port: UInt16?, in part: Range<Int>) -> Bool {
        if part.isEmpty { return false }
        let middle = (part.lowerBound + part.upperBound) / 2
        if reaches[middle] < address { return false }
        if contains(address, port: port, in: part.lowerBound..<middle) { return true }
        let entry = entries[middle]
        guard entry.first <= address else { return false }
        if address <= entry.last && entry.ports.contains(port) { return true }
        return contains(address, port: port, in: middle + 1..<part.upperBound)
    }
}

/// Ports of a host that patterns name: none, some or all.
struct PortSet: Hashable, Sendable {
    /// In order, apart from each other; nil is all ports.
    private var ranges: [ClosedRange<UInt16>]? = []

    /// No ports.
    static let none = PortSet()

    /// Adds ports; nil adds all.
    mutating func insert(_ ports: ClosedRange<UInt16>?) {
        guard let known = ranges else { return }
        guard let ports else {
            ranges = nil
            return
        }
        var merged: [ClosedRange<UInt16>] = []
        for range in (known + [ports]).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, Int(range.lowerBound) <= Int(last.upperBound) + 1 {
                merged[merged.count - 1] =
                    last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        ranges = merged
    }

    /// Whether a port is among them; nil asks whether any is.
    func contains(_ port: UInt16?) -> Bool {
        guard let ranges else { return true }
        guard let port else { return !ranges.isEmpty }
        if ranges.count <= 4 { return ranges.contains { $0.contains(port) } }
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < port { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(port)
    }
}

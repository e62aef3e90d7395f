import Model
import Storage

/// Counts with everything they can be told by. Where nobody asked for a fact, it is nil.
struct UsageEntry {
    var user: String?
    var service: String?
    var node: String?
    var destination: String?
    var transport: String?
    var flow: String?
    /// Milliseconds since 1970: when the bucket or the flow began.
    var moment: Int64 = 0
    var flows: Int64 = 0
    var counts = FlowCounts()

    /// The value of one key; nil for none, such as the user of an open service.
    func value(of key: UsageKeyName, in days: DayRules) -> String? {
        switch key {
        case .user: user
        case .service: service
        case .node: node
        case .destination: destination
        case .host: destination.map { Self.host(of: $0) }
        case .protocol: transport
        case .day: days.day(ofMilliseconds: moment)
        case .flow: flow
        }
    }

    /// `host:port` without the port, and without brackets.
    private static func host(of destination: String) -> String {
        guard let colon = destination.lastIndex(of: ":") else { return destination }
        let host = destination[..<colon]
        return host.hasPrefix("[") && host.hasSuffix("]")
            ? String(host.dropFirst().dropLast()) : String(host)
    }
}

/// Sums by keys, the largest first.
struct UsageReport {
    /// One line.
    struct Row {
        /// In the order of the keys.
        let values: [String?]
        var flows: Int64 = 0
        var counts = FlowCounts()

        var totalBytes: UInt64 { counts.uplinkBytes + counts.downlinkBytes }
    }

    let keys: [UsageKeyName]
    /// By total bytes, then by values.
    let rows: [Row]
    /// Over all rows, also those that `top` leaves out.
    let total: Row

    /// Sums entries.
    init(_ entries: [UsageEntry], by keys: [UsageKeyName], in days: DayRules, top: Int?) {
        var sums: [[String?]: Row] = [:]
        var total = Row(values: [])
        for entry in entries {
            let values = keys.map { entry.value(of: $0, in: days) }
            sums[values, default: Row(values: values)].flows += entry.flows
            sums[values, default: Row(values: values)].counts.add(entry.counts)
            total.flows += entry.flows
            total.counts.add(entry.counts)
        }
        let sorted = sums.values.sorted { one, other in
            if one.totalBytes != other.totalBytes { return one.totalBytes > other.totalBytes }
            return one.values.map { $0 ?? "" }.lexicographicallyPrecedes(
                other.values.map { $0 ?? "" })
        }
        self.keys = keys
        self.total = total
        rows = Array(sorted.prefix(top ?? sorted.count))
    }
}

package import Model

/// How many connections may come in a second, together and of each address.
///
/// ## Concurrency
/// Any loop asks it, once per connection; its table and its buckets have locks.
package final class ArrivalLimiter: Sendable {
    private let name: String
    private let limiter: TrafficLimiter
    /// What a bucket holds for one connection, so that rates below one are exact enough.
    private static let unit = 1_000_000

    /// A limiter from its lines: connections in a second, above zero.
    package init(name: String, _ lines: [(key: LimitKey, value: Double)]) {
        self.name = name
        limiter = TrafficLimiter(Self.rates(lines))
    }

    /// Changes the lines.
    package func replace(_ lines: [(key: LimitKey, value: Double)], nowNanoseconds: UInt64) {
        limiter.replace(Self.rates(lines), nowNanoseconds: nowNanoseconds)
    }

    /// As many as fit into a second may come at once after a pause, and one more, as in gost.
    private static func rates(
        _ lines: [(key: LimitKey, value: Double)]
    ) -> [(key: LimitKey, value: TrafficRates)] {
        lines.map { line in
            let rate = ByteRate(
                bytesPerSecond: max(1, Int(line.value * Double(unit))),
                burstBytes: (Int(line.value) + 1) * unit)
            return (line.key, TrafficRates(uplink: rate, downlink: nil))
        }
    }

    /// Whether a connection may come now; nil, or why not.
    package func refusal(of address: IPAddress, nowNanoseconds: UInt64) -> String? {
        let subject = LimitedSubject(address: address, user: nil)
        var taken: [any Supply] = []
        let supplies = LimiterUse(limiter).supplies(
            for: subject, ConnectionShares(), nowNanoseconds: nowNanoseconds)
        for supply in supplies.uplink {
            let grant = supply.take(Self.unit, nowNanoseconds: nowNanoseconds)
            if grant == .bytes(Self.unit) {
                taken.append(supply)
                continue
            }
            if case .bytes(let part) = grant {
                supply.giveBack(part, nowNanoseconds: nowNanoseconds)
            }
            for supply in taken { supply.giveBack(Self.unit, nowNanoseconds: nowNanoseconds) }
            return "rlimiter '\(name)' allows no more connections of \(address) now"
        }
        return nil
    }
}

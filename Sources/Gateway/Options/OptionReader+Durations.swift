extension OptionReader {
    /// How a bare number is read where a duration stands.
    public enum BareNumber: Sendable {
        /// It is refused: durations of Weir's own options have a unit.
        case isRefused
        /// It is a count of nanoseconds, as in gost's objects.
        case isNanoseconds
        /// It is a count of seconds, quoted or not, as in gost's `metadata`.
        case isSeconds
    }

    /// A duration with its unit, such as `10s`, `1h30m`, `250ms` or, in Weir's own options, `30d`.
    public mutating func duration(
        _ keys: String..., default fallback: Duration,
        in range: ClosedRange<Duration> = .zero ... .longest,
        bareNumber: BareNumber = .isRefused
    ) -> Duration {
        locatedDuration(keys, in: range, bareNumber: bareNumber)?.value ?? fallback
    }

    /// A duration as above, or nil if absent.
    public mutating func duration(
        _ keys: String..., in range: ClosedRange<Duration> = .zero ... .longest,
        bareNumber: BareNumber = .isRefused
    ) -> Duration? {
        locatedDuration(keys, in: range, bareNumber: bareNumber)?.value
    }

    private mutating func locatedDuration(
        _ keys: [String], in range: ClosedRange<Duration>, bareNumber: BareNumber
    ) -> Located<Duration>? {
        guard let (key, node) = take(keys) else { return nil }
        guard let duration = duration(key.text, node, bareNumber: bareNumber) else { return nil }
        guard range.contains(duration) else {
            let lowest = range.lowerBound.text
            error(
                range.upperBound >= .longest
                    ? "'\(key.text)' must be at least \(lowest)"
                    : "'\(key.text)' must be from \(lowest) to \(range.upperBound.text)",
                at: node.location)
            return nil
        }
        return Located(duration, at: node.location)
    }

    private mutating func duration(
        _ key: String, _ node: Node, bareNumber: BareNumber
    ) -> Duration? {
        let text = node.text ?? ""
        if let duration = Units.duration(text, allowsDays: bareNumber == .isRefused) {
            return duration
        }
        switch bareNumber {
        case .isRefused:
            break
        case .isNanoseconds:
            guard let count = node.bareInteger else { break }
            warn(
                "'\(key)' has no unit and is read as nanoseconds, as in gost", at: node.location,
                hint: "write \(count)s for seconds")
            return .nanoseconds(count)
        case .isSeconds:
            if let count = Int64(text) { return .seconds(count) }
        }
        let isBare = Int64(text) != nil
        error(
            isBare ? "'\(key)' needs a unit" : "'\(key)' must be a duration with its unit",
            at: node.location,
            hint: isBare ? "write \(text)s for seconds" : "such as 300ms, 10s, 5m, 1h30m")
        return nil
    }
}

extension Duration {
    /// The longest duration that options accept: 100 years. Deadlines stay far from overflow.
    public static let longest = Duration.seconds(100 * 365 * 86_400)

    /// As options write it: `1h30m`, `10s`, `250ms`.
    public var text: String {
        let total = wholeMilliseconds
        guard total != 0 else { return "0s" }
        var (rest, text) = (total.magnitude, total < 0 ? "-" : "")
        let units: [(UInt64, String)] = [
            (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms"),
        ]
        for (size, unit) in units where rest >= size {
            text += "\(rest / size)\(unit)"
            rest %= size
        }
        return text
    }
}

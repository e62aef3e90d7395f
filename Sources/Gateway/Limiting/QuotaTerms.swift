import Model

/// What a quota counts, and when it begins anew.
package struct QuotaTerms: Sendable {
    /// Which bytes count.
    package enum Counted: Sendable {
        /// Both directions together.
        case total
        /// What clients send.
        case uplink
        /// What clients get.
        case downlink

        /// Those of a flow's bytes that count.
        package func bytes(uplink: UInt64, downlink: UInt64) -> UInt64 {
            switch self {
            case .total: uplink + downlink
            case .uplink: uplink
            case .downlink: downlink
            }
        }
    }

    /// How often it begins anew.
    package enum Period: Sendable {
        /// Never: one count from the start of its time to the end.
        case whole
        /// With each day.
        case day
        /// With each month.
        case month
    }

    /// Which bytes count.
    package let counted: Counted
    /// How often it begins anew.
    package let period: Period
    /// When it begins to hold; nil has always begun. Milliseconds since 1970, UTC.
    package let startsMilliseconds: Int64?
    /// When it ends to hold; nil never does.
    package let endsMilliseconds: Int64?
    /// Seconds from UTC to the clock that days and months go by, at a moment.
    let offsetSeconds: @Sendable (Int64) -> Int64

    package init(
        counted: Counted = .total, period: Period = .whole, startsMilliseconds: Int64? = nil,
        endsMilliseconds: Int64? = nil,
        offsetSeconds: @escaping @Sendable (Int64) -> Int64 = { _ in 0 }
    ) {
        self.counted = counted
        self.period = period
        self.startsMilliseconds = startsMilliseconds
        self.endsMilliseconds = endsMilliseconds
        self.offsetSeconds = offsetSeconds
    }

    /// The name of the period that a moment belongs to; nil where the quota does not hold.
    package func periodName(atMilliseconds moment: Int64) -> String? {
        if let startsMilliseconds, moment < startsMilliseconds { return nil }
        if let endsMilliseconds, moment >= endsMilliseconds { return nil }
        let local = CivilTime(milliseconds: moment + offsetSeconds(moment) * 1000)
        switch period {
        case .whole:
            // What was counted in another time does not count in this one.
            let start = startsMilliseconds.map { CivilTime(milliseconds: $0).description } ?? ""
            let end = endsMilliseconds.map { CivilTime(milliseconds: $0).description } ?? ""
            return "\(start)/\(end)"
        case .day: return local.date
        case .month: return String(local.date.dropLast(3))
        }
    }
}

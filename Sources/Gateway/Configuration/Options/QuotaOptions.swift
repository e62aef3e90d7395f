package import Model
package import Options

/// An object of `quotas`: how many bytes may be moved in all.
package struct QuotaOptions: Sendable {
    /// Which bytes count.
    package enum Counted: Sendable {
        /// Both directions together.
        case total
        /// What clients send.
        case uplink
        /// What clients get.
        case downlink
    }

    /// How often it begins anew.
    package enum Period: Sendable {
        /// Never.
        case whole
        /// With each day.
        case day
        /// With each month.
        case month
    }

    /// Bytes by whom they are for; `limit` is the line for `$`.
    package let lines: [(key: LimitKey, value: UInt64)]
    let list: LimitListOptions<UInt64>
    /// `limit`.
    let wholeBytes: UInt64?
    /// Which bytes count.
    package let counted: Counted
    /// How often it begins anew.
    package let period: Period
    /// The zone that days and months go by; nil is UTC.
    package let timeZone: Located<String>?
    /// When it begins to hold, in milliseconds since 1970; nil has always begun.
    package let startsMilliseconds: Int64?
    /// When it ends to hold; nil never does.
    package let endsMilliseconds: Int64?

    /// Unique among quotas.
    package var name: Located<String> { list.name }
    /// Where further lines stand.
    package var file: ListFile? { list.file }

    init(
        list: LimitListOptions<UInt64>, wholeBytes: UInt64?, counted: Counted, period: Period,
        timeZone: Located<String>?, startsMilliseconds: Int64?, endsMilliseconds: Int64?
    ) {
        self.list = list
        self.wholeBytes = wholeBytes
        lines = Self.lines(list.lines, wholeBytes: wholeBytes)
        self.counted = counted
        self.period = period
        self.timeZone = timeZone
        self.startsMilliseconds = startsMilliseconds
        self.endsMilliseconds = endsMilliseconds
    }
    static func lines(
        _ lines: [(key: LimitKey, value: UInt64)], wholeBytes: UInt64?
    ) -> [(key: LimitKey, value: UInt64)] {
        guard let wholeBytes else { return lines }
        return [(.everything, wholeBytes)] + lines.filter { $0.key != .everything }
    }
}

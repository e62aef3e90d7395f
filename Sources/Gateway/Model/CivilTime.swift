/// A moment as a calendar and a clock show it in UTC, to the millisecond.
///
/// Proleptic Gregorian; the arithmetic is the usual one over 400-year eras that start on 1 March,
/// so that the leap day comes last.
public struct CivilTime: Hashable, Sendable, CustomStringConvertible {
    /// The year.
    public let year: Int64
    /// 1...12.
    public let month: Int64
    /// 1...31.
    public let day: Int64
    /// 0...23.
    public let hour: Int64
    /// 0...59.
    public let minute: Int64
    /// 0...59; UTC as computers count it has no leap seconds.
    public let second: Int64
    /// 0...999.
    public let millisecond: Int64

    /// The moment so many milliseconds after 1970-01-01T00:00:00Z; before it when negative.
    public init(milliseconds: Int64) {
        let (days, rest) = Self.floorDivide(milliseconds, by: 86_400_000)
        let (shiftedEra, dayOfEra) = Self.floorDivide(days + 719_468, by: 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + shiftedEra * 400 + (month <= 2 ? 1 : 0)
        hour = rest / 3_600_000
        minute = rest / 60_000 % 60
        second = rest / 1000 % 60
        millisecond = rest % 1000
    }

    /// Reads `2026-02-28` (its first moment) or an RFC 3339 date and time with offset; nil for
    /// anything else. Digits behind the millisecond are cut off.
    public static func milliseconds(_ text: some StringProtocol) -> Int64? {
        var reader = CivilReader(bytes: Array(text.utf8))
        return reader.read()
    }

    /// RFC 3339 with milliseconds: `2026-11-20T09:17:54.000Z`.
    public var description: String {
        "\(date)T\(Self.two(hour)):\(Self.two(minute)):\(Self.two(second))."
            + "\(millisecond < 100 ? "0" : "")\(Self.two(millisecond))Z"
    }

    /// The date alone: `2026-11-20`.
    public var date: String {
        let digits = String(year)
        let padding = String(repeating: "0", count: max(0, 4 - digits.count))
        return "\(padding)\(digits)-\(Self.two(month))-\(Self.two(day))"
    }

    /// Days from 1970-01-01 to a date.
    static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = floorDivide(shifted, by: 400)
        let monthFromMarch = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// How many days a month has.
    static func daysInMonth(_ month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    private static func floorDivide(_ value: Int64, by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

/// Reads a date, or a date and time, of RFC 3339 §5.6; any deviation is nil.
private struct CivilReader {
    let bytes: [UInt8]
    var position = 0

    mutating func read() -> Int64? {
        guard let year = digits(4), take("-"), let month = digits(2), take("-"),
            let day = digits(2), (1...12).contains(month),
            (1...CivilTime.daysInMonth(month, of: year)).contains(day)
        else { return nil }
        let midnight = CivilTime.days(year: year, month: month, day: day) * 86_400_000
        if position == bytes.count { return midnight }
        guard take("T") || take("t") || take(" "), let time = timeOfDay(), let offset = offset(),
            position == bytes.count
        else { return nil }
        return midnight + time - offset
    }

    private mutating func timeOfDay() -> Int64? {
        guard let hour = digits(2), take(":"), let minute = digits(2), take(":"),
            let second = digits(2), hour < 24, minute < 60, second < 61
        else { return nil }
        var milliseconds: Int64 = 0
        if take(".") {
            var scale: Int64 = 100
            let start = position
            while let digit = digits(1) {
                milliseconds += digit * scale
                scale /= 10
            }
            guard position > start else { return nil }
        }
        return ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds
    }

    private mutating func offset() -> Int64? {
        if take("Z") || take("z") { return 0 }
        let isBehind = take("-")
        guard isBehind || take("+"), let hours = digits(2), take(":"), let minutes = digits(2),
            hours < 24, minutes < 60
        else { return nil }
        return (hours * 60 + minutes) * 60_000 * (isBehind ? -1 : 1)
    }

    private mutating func digits(_ count: Int) -> Int64? {
        guard position + count <= bytes.count else { return nil }
        var value: Int64 = 0
        for byte in bytes[position..<position + count] {
            guard (48...57).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - 48)
        }
        position += count
        return value
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == character.value else { return false }
        position += 1
        return true
    }
}

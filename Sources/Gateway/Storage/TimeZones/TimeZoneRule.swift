import Model

/// The rule of a zone for the years to come, as zone files end with it (RFC 9636 §3.3): the TZ text
/// of POSIX, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct TimeZoneRule: Sendable {
    /// When daylight saving begins and ends, in local time before the change.
    private struct Change {
        /// How the day is named.
        enum Day {
            /// `Mm.w.d`: the w-th (5: last) weekday d (0: Sunday) of month m.
            case weekday(month: Int64, week: Int64, day: Int64)
            /// `Jn`: day 1...365, 29 February never counted.
            case withoutLeapDay(Int64)
            /// `n`: day 0...365.
            case ofYear(Int64)
        }

        let day: Day
        let seconds: Int64

        /// Seconds since 1970 on the local clock.
        func moment(in year: Int64) -> Int64 {
            let newYear = Self.day(of: "\(year)-01-01")
            let days: Int64
            switch day {
            case .ofYear(let number): days = newYear + number
            case .withoutLeapDay(let number):
                let isLeap = Self.day(of: "\(year + 1)-01-01") - newYear == 366
                days = newYear + number - 1 + (isLeap && number >= 60 ? 1 : 0)
            case .weekday(let month, let week, let weekday):
                let next = month == 12 ? (year + 1, 1) : (year, month + 1)
                let first = Self.day(of: "\(year)-\(month < 10 ? "0" : "")\(month)-01")
                let end = Self.day(of: "\(next.0)-\(next.1 < 10 ? "0" : "")\(next.1)-01")
                // 1970-01-01 was a Thursday.
                let firstWeekday = (first + 4) % 7
                var found = first + (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
                if found >= end { found -= 7 }
                days = found
            }
            return days * 86_400 + seconds
        }

        private static func day(of date: String) -> Int64 {
            guard let milliseconds = CivilTime.milliseconds(date) else {
                preconditionFailure("the first of a month is a date")
            }
            return milliseconds / 86_400_000
        }
    }

    private let standard: Int64
    private let saving: (offset: Int64, begin: Change, end: Change)?

    /// Reads the text; nil for anything else.
    init?(_ text: String) {
        var reader = Reader(bytes: Array(text.utf8))
        guard reader.name(), let offset = reader.time(hoursMax: 24) else { return nil }
        standard = -offset
        if reader.isAtEnd {
            saving = nil
            return
        }
        guard reader.name() else { return nil }
        var savingOffset = standard + 3600
        if !reader.isNext(",") {
            guard let given = reader.time(hoursMax: 24) else { return nil }
            savingOffset = -given
        }
        guard reader.take(","), let begin = reader.change(), reader.take(","),
            let end = reader.change(), reader.isAtEnd
        else { return nil }
        saving = (savingOffset, begin, end)
    }

    /// Seconds to add to UTC at a time, in seconds since 1970.
    func offset(at time: Int64) -> Int64 {
        guard let saving else { return standard }
        let year = CivilTime(milliseconds: (time + standard) * 1000).year
        let begin = saving.begin.moment(in: year) - standard
        let end = saving.end.moment(in: year) - saving.offset
        let isSaving =
            begin < end ? (begin..<end).contains(time) : !(end..<begin).contains(time)
        return isSaving ? saving.offset : standard
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == bytes.count }

        func isNext(_ character: Unicode.Scalar) -> Bool {
            position < bytes.count && bytes[position] == character.value
        }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard isNext(character) else { return false }
            position += 1
            return true
        }

        /// `CET` or `<+03>`.
        mutating func name() -> Bool {
            let isQuoted = take("<")
            let start = position
            while position < bytes.count {
                let byte = bytes[position]
                let isLetter = (65...90).contains(byte) || (97...122).contains(byte)
                let isMore = isQuoted && ((48...57).contains(byte) || byte == 43 || byte == 45)
                guard isLetter || isMore else { break }
                position += 1
            }
            return position - start >= 3 && (!isQuoted || take(">"))
        }

        mutating func number(max: Int64) -> Int64? {
            let start = position
            var value: Int64 = 0
            while position < bytes.count, (48...57).contains(bytes[position]), value <= max {
                value = value * 10 + Int64(bytes[position] - 48)
                position += 1
            }
            return position > start && value <= max ? value : nil
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func time(hoursMax: Int64) -> Int64? {
            let isNegative = take("-")
            if !isNegative { _ = take("+") }
            guard let hours = number(max: hoursMax) else { return nil }
            var seconds = hours * 3600
            for unit in [60, 1] as [Int64] where take(":") {
                guard let value = number(max: 59) else { return nil }
                seconds += value * unit
            }
            return isNegative ? -seconds : seconds
        }

        mutating func change() -> Change? {
            guard let day = day() else { return nil }
            guard take("/") else { return Change(day: day, seconds: 7200) }
            return time(hoursMax: 167).map { Change(day: day, seconds: $0) }
        }

        private mutating func day() -> Change.Day? {
            if take("J") {
                return number(max: 365).flatMap { $0 > 0 ? .withoutLeapDay($0) : nil }
            }
            guard take("M") else { return number(max: 365).map { .ofYear($0) } }
            guard let month = number(max: 12), month > 0, take("."), let week = number(max: 5),
                week > 0, take("."), let day = number(max: 6)
            else { return nil }
            return .weekday(month: month, week: week, day: day)
        }
    }
}

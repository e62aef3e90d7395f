package import Model
import Options

extension QuotaOptions {
    /// Reads one entry of `quotas:`.
    init(from reader: inout OptionReader, files: inout FileAccess) {
        let limit = reader.locatedString("limit")
        let period = reader.choice(
            "period",
            among: [
                "none": Period.whole, "daily": .day, "day": .day, "monthly": .month,
                "month": .month,
            ])
        let counted = reader.choice(
            "direction", among: ["total": Counted.total, "in": .uplink, "out": .downlink])
        let starts = Self.moment("startsAt", &reader)
        let ends = Self.moment("expiresAt", &reader)
        if let starts, let ends, starts.value >= ends.value {
            reader.error("the quota ends before it begins", at: ends.location)
        }
        let timeZone = reader.locatedString("timeZone")
        if let timeZone, period == nil || period == .whole {
            reader.warn(
                "'timeZone' is about days and months, and there is no 'period'",
                at: timeZone.location, hint: "such as period: monthly")
        }
        // What is used is stored with each batch of the meter's counts, in the state directory.
        _ = reader.duration("flush", default: .zero, bareNumber: .isNanoseconds)
        Self.readStore(&reader)
        let list = LimitListOptions(
            from: &reader, files: &files, kind: "quota",
            format: LimitFormat(keys: .all, read: Self.bytes), isComplete: limit != nil)
        var whole: UInt64?
        if let limit {
            var findings: [Diagnostic] = []
            whole = Self.bytes([limit], &findings)
            reader.report(findings)
        }
        self.init(
            list: list, wholeBytes: whole, counted: counted ?? .total, period: period ?? .whole,
            timeZone: timeZone, startsMilliseconds: starts?.value, endsMilliseconds: ends?.value)
    }

    /// Reads the file's lines again, by a reader that has the file; all lines come of it.
    package func reread(
        with reader: @escaping FileReader
    ) -> Reread<[(key: LimitKey, value: UInt64)]> {
        list.reread(with: reader).map { Self.lines($0, wholeBytes: wholeBytes) }
    }

    private static func readStore(_ reader: inout OptionReader) {
        let place = reader.location(of: "store")
        let type = reader.mapping("store") { store in
            store.accept("path", "file", "addr", "username", "password", "db", "key")
            return store.string("type", default: "file")
        }
        guard let type else { return }
        reader.warn(
            type == "file"
                ? "what is used of quotas is kept in the state directory; 'store' is ignored"
                : "what is used of quotas is kept in the state directory, not in '\(type)'",
            at: place)
    }

    private static func moment(
        _ key: String, _ reader: inout OptionReader
    ) -> Located<Int64>? {
        reader.value(
            [key], mustBe: "a date and time", hint: "such as 2026-12-31T00:00:00Z or 2026-12-31"
        ) { node in node.text.flatMap { CivilTime.milliseconds($0) } }
    }

    private static func bytes(
        _ words: [Located<String>], _ findings: inout [Diagnostic]
    ) -> UInt64? {
        if words.count > 1 {
            findings.append(
                Diagnostic(.error, at: words[1].location, "a line is a key and a size"))
            return nil
        }
        guard let bytes = TrafficLimitOptions.size(words[0], &findings) else { return nil }
        if bytes == 0 {
            findings.append(
                Diagnostic(
                    .error, at: words[0].location, "a quota of 0 lets nobody in",
                    hint: "leave it out, or refuse its users"))
            return nil
        }
        return UInt64(bytes)
    }
}

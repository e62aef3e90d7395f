/// Readings of text with a unit. Each is nil for anything else.
public enum Units {
    /// Go's syntax: decimal numbers with units, such as `1h30m`, `1.5s`, `300ms`, `-5s`, or `0`.
    /// Units are ns, us, µs, ms, s, m, h; with `allowsDays` also d (24 h).
    public static func duration(_ text: String, allowsDays: Bool = false) -> Duration? {
        var rest = Substring(text)
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest = rest.dropFirst() }
        if rest == "0" { return .zero }
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            guard let part = takePart(&rest, allowsDays: allowsDays) else { return nil }
            let (sum, isOver) = total.addingReportingOverflow(part)
            if isOver { return nil }
            total = sum
        }
        return .nanoseconds(isNegative ? -total : total)
    }

    /// Takes one number with its unit; the result is in nanoseconds.
    private static func takePart(_ rest: inout Substring, allowsDays: Bool) -> Int64? {
        let whole = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest.dropFirst(whole.count)
        var fraction: Substring = ""
        if rest.first == "." {
            rest = rest.dropFirst()
            fraction = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(fraction.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty, let count = Int64(whole.isEmpty ? "0" : whole)
        else { return nil }
        let unit = rest.prefix { !($0.isASCII && $0.isNumber) && $0 != "." }
        rest = rest.dropFirst(unit.count)
        guard let scale = nanoseconds(of: unit, allowsDays: allowsDays) else { return nil }
        let (product, isOver) = count.multipliedReportingOverflow(by: scale)
        if isOver { return nil }
        var (sum, remaining) = (product, scale)
        for digit in fraction.prefix(18) {
            remaining /= 10
            let (next, isOver) = sum.addingReportingOverflow(
                remaining * Int64(digit.wholeNumberValue ?? 0))
            if isOver { return nil }
            sum = next
        }
        return sum
    }

    private static func nanoseconds(of unit: Substring, allowsDays: Bool) -> Int64? {
        switch unit {
        case "ns": 1
        case "us", "µs", "μs": 1000
        case "ms": 1_000_000
        case "s": 1_000_000_000
        case "m": 60_000_000_000
        case "h": 3_600_000_000_000
        case "d": allowsDays ? 86_400_000_000_000 : nil
        default: nil
        }
    }

    /// A count of bytes with its unit: `512B`, `64KiB`, `1.5MB`. All units are powers of 1024, as
    /// in gost; `0` needs none. Parts of a byte are cut off.
    public static func bytes(_ text: String) -> Int? {
        if text == "0" { return 0 }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int(digits) else { return nil }
        var rest = text.dropFirst(digits.count)
        var fraction: Substring = ""
        if rest.first == "." {
            fraction = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            if fraction.isEmpty { return nil }
            rest = rest.dropFirst(1 + fraction.count)
        }
        let power: Int
        switch rest.drop(while: { $0 == " " }) {
        case "B": power = 0
        case "KB", "KiB": power = 10
        case "MB", "MiB": power = 20
        case "GB", "GiB": power = 30
        case "TB", "TiB": power = 40
        default: return nil
        }
        let (product, isOver) = count.multipliedReportingOverflow(by: 1 << power)
        if isOver { return nil }
        // Six decimals of a terabyte are a megabyte: nobody asks for finer ones.
        let decimals = fraction.prefix(6)
        var scale = 1
        for _ in decimals { scale *= 10 }
        let part = (Int(decimals) ?? 0) * (1 << power) / scale
        let (sum, isOverToo) = product.addingReportingOverflow(part)
        return isOverToo ? nil : sum
    }

    /// `true` and `false` in the spellings that gost accepts.
    public static func bool(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": true
        case "0", "f", "F", "false", "FALSE", "False": false
        default: nil
        }
    }
}

extension Duration {
    /// Milliseconds, rounded towards zero; the ends of `Int64` where it does not fit.
    public var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, isOver) = seconds.multipliedReportingOverflow(by: 1000)
        if isOver { return seconds < 0 ? .min : .max }
        let (sum, isOverToo) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return isOverToo ? (seconds < 0 ? .min : .max) : sum
    }
}

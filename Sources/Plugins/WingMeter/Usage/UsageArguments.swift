import Model
import Options
import Storage

/// What usage can be told by.
enum UsageKeyName: String, CaseIterable {
    case user, service, node, destination, host, `protocol`, day, flow
}

/// The words behind `weir usage`, understood.
struct UsageArguments {
    /// How the answer is written.
    enum Format { case table, json, csv }

    /// A moment as it was given; days need the time zone to become one.
    enum Moment {
        /// So many milliseconds before now.
        case ago(Int64)
        /// Milliseconds since 1970.
        case at(Int64)
        /// A day; the value is its midnight in UTC.
        case day(Int64)
    }

    /// What is wrong with the words, and what to do.
    struct Fault: Error {
        let message: String
        let hint: String?
    }

    private(set) var keys: [UsageKeyName] = [.user]
    private(set) var since: Moment?
    private(set) var until: Moment?
    private(set) var top: Int?
    private(set) var databasePath: String?
    private(set) var meter: String?
    private(set) var zone: String?
    private(set) var format = Format.table
    private(set) var isLive = false

    private static let options = [
        "--by", "--since", "--until", "--top", "--db", "--meter", "--zone", "--json", "--csv",
        "--live",
    ]

    /// Reads the words.
    init(_ words: [String]) throws(Fault) {
        var rest = words[...]
        while let word = rest.popFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts.first ?? "")
            let attached = parts.count == 2 ? String(parts[1]) : nil
            if try take(flag: name, attached: attached) { continue }
            guard Self.options.contains(name) else {
                throw Fault(
                    message: name.hasPrefix("-")
                        ? "unknown option '\(name)'" : "unexpected '\(name)'",
                    hint: Suggestion.hint(for: name, among: Self.options)
                        ?? "'weir usage --help' lists them")
            }
            guard let value = attached ?? rest.popFirst(), !value.isEmpty else {
                throw Fault(message: "'\(name)' needs a value", hint: nil)
            }
            try take(name, value)
        }
        if isLive, since != nil || until != nil || databasePath != nil {
            throw Fault(
                message: "'--live' asks the gateway what is open now",
                hint: "leave out --since, --until and --db")
        }
    }

    private mutating func take(flag name: String, attached: String?) throws(Fault) -> Bool {
        switch name {
        case "--json": format = .json
        case "--csv": format = .csv
        case "--live": isLive = true
        default: return false
        }
        guard attached == nil else {
            throw Fault(message: "'\(name)' takes no value", hint: nil)
        }
        return true
    }

    private mutating func take(_ name: String, _ value: String) throws(Fault) {
        switch name {
        case "--by": keys = try Self.keys(value)
        case "--since": since = try Self.moment(name, value)
        case "--until": until = try Self.moment(name, value)
        case "--db": databasePath = value
        case "--meter": meter = value
        case "--zone": zone = value
        default:
            guard let count = Int(value), count > 0 else {
                throw Fault(message: "'\(name)' must be a whole number from 1", hint: nil)
            }
            top = count
        }
    }

    private static func keys(_ list: String) throws(Fault) -> [UsageKeyName] {
        let names = UsageKeyName.allCases.map(\.rawValue)
        var keys: [UsageKeyName] = []
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard let key = UsageKeyName(rawValue: String(part)) else {
                throw Fault(
                    message: "usage is not kept by '\(part)'",
                    hint: Suggestion.hint(for: String(part), among: names)
                        ?? "one or more of: \(names.joined(separator: ", "))")
            }
            guard !keys.contains(key) else {
                throw Fault(message: "'\(part)' stands twice in '--by'", hint: nil)
            }
            keys.append(key)
        }
        return keys
    }

    private static func moment(_ name: String, _ text: String) throws(Fault) -> Moment {
        if let milliseconds = CivilTime.milliseconds(text) {
            return text.utf8.count == 10 ? .day(milliseconds) : .at(milliseconds)
        }
        if let duration = Units.duration(text, allowsDays: true), duration >= .zero {
            return .ago(duration.wholeMilliseconds)
        }
        throw Fault(
            message: "'\(name)' must be how long ago, a day or a moment",
            hint: "such as 24h, 7d, 2026-11-20 or 2026-11-20T09:00:00Z")
    }
}

extension UsageArguments.Moment {
    /// Milliseconds since 1970.
    func milliseconds(now: Int64, in days: DayRules) -> Int64 {
        switch self {
        case .ago(let milliseconds): now - milliseconds
        case .at(let moment): moment
        case .day(let midnight): days.start(ofDayWithMidnight: midnight)
        }
    }
}

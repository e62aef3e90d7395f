public import Options
public import PluginKit
import Storage

/// The Wing meter's `options:`.
///
/// ```yaml
/// options:
///   interval: 5s                # how often running flows are reported, if they are: at the first
///                               # event of any flow in a new interval
///   store: { sqlite: var/weir.db }              # default: usage.db in the state directory
///   flows: { jsonl: var/flows.jsonl, intervals: false }   # default: no record file
///   retention: 90d              # how long usage is kept
///   flowRetention: 7d           # how long single flows are kept
///   destinations: 10000         # per quarter of an hour; more are summed as "(other)"
///   reportLog: false            # a log line per running flow and interval
///   timeZone: UTC               # whose days `weir usage --by day` means
/// ```
public struct WingMeterSettings: PluginSettings {
    /// Milliseconds between two reports of a running flow.
    public let intervalMilliseconds: Int64
    /// The database, or nil for `usage.db` in the state directory.
    public let sqlitePath: String?
    /// The file of flow records, or nil for none.
    public let recordPath: String?
    /// Whether the file also gets interval records.
    public let recordsIntervals: Bool
    /// How long usage is kept.
    public let retentionMilliseconds: Int64
    /// How long single flows are kept after their end.
    public let flowRetentionMilliseconds: Int64
    /// Destinations with rows of their own per quarter of an hour.
    public let destinations: Int
    /// Whether running flows are logged every interval.
    public let logsReports: Bool
    /// The IANA name of the zone whose days are meant.
    public let timeZone: String

    /// Reads `options:`.
    public init(from reader: inout OptionReader) {
        intervalMilliseconds =
            reader.duration(
                "interval", default: .seconds(5), in: .seconds(1) ... .seconds(86_400)
            ).wholeMilliseconds
        sqlitePath = reader.mapping("store") { store in store.string("sqlite") } ?? nil
        let flows = reader.mapping("flows") { flows in
            (path: flows.string("jsonl"), intervals: flows.bool("intervals", default: false))
        }
        recordPath = flows?.path
        recordsIntervals = flows?.intervals ?? false
        let day = Duration.seconds(86_400)
        retentionMilliseconds =
            reader.duration("retention", default: day * 90, in: .seconds(3600) ... .longest)
            .wholeMilliseconds
        flowRetentionMilliseconds =
            reader.duration("flowRetention", default: day * 7, in: .seconds(3600) ... .longest)
            .wholeMilliseconds
        destinations = reader.integer("destinations", default: 10_000, in: 1...1_000_000)
        logsReports = reader.bool("reportLog", default: false)
        timeZone = reader.string("timeZone", default: "UTC")
        if DayRules(zone: timeZone) == nil {
            reader.error(
                "there is no time zone '\(timeZone)'", at: reader.location(of: "timeZone"),
                hint: "such as UTC or Europe/Berlin; the package tzdata has them")
        }
    }

    /// Whether intervals have a reader: the record file or the log.
    var reportsIntervals: Bool { logsReports || (recordsIntervals && recordPath != nil) }

    /// Where the database is.
    func databasePath(stateDirectory: String) -> String {
        sqlitePath ?? "\(stateDirectory)/usage.db"
    }
}

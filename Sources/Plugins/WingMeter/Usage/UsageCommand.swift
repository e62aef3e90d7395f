import FoundationEssentials
import Model
public import PluginKit
import Storage

extension WingMeter {
    /// `weir usage`.
    public static var commands: [PluginCommand] {
        [
            PluginCommand(
                name: "usage", summary: "who moved how many bytes", usage: UsageCommand.usage
            ) { context in await UsageCommand(context: context).run() }
        ]
    }
}

/// `weir usage`: reads the database of a Wing meter, or asks the running gateway.
struct UsageCommand {
    static let usage = """
        weir usage [--by KEY[,KEY…]] [--since WHEN] [--until WHEN] [--top N]
                   [--db PATH] [--meter GUID] [--zone ZONE] [--json | --csv]
        weir usage --live [--by KEY[,KEY…]] [--top N] [--json | --csv]

          --by      user (default), service, node, destination (host:port), host, protocol, day,
                    flow; several with commas between
          --since   24h, 7d, 2026-11-20 or 2026-11-20T09:00:00Z; usage is kept by quarter of an
                    hour, and the quarter that WHEN lies in belongs to it
          --until   likewise; not included
          --top     the N rows with the most bytes; the total is still over all
          -C FILE   the configuration that names meter and state; default: plugins.yaml here
          --db      the database; default: that of the wing-meter in the configuration
          --meter   the GUID of the meter, where there are several
          --zone    whose days are meant, such as Europe/Berlin; default: the meter's timeZone
          --live    the open flows of the running gateway, with their counts so far
          --json    one JSON object; --csv: RFC 4180

        Bytes are payload as delivered: uplink from client to destination, downlink back. A
        running gateway stores what it has counted first. '-' in a table stands for none.

        """

    let context: CommandContext

    /// Why there is no answer: the exit status tells wrong usage (2) from failure (1).
    private struct Refusal: Error {
        let status: Int32
        let lines: [String]
    }

    /// Runs it; the exit status.
    func run() async -> Int32 {
        do {
            let arguments = try UsageArguments(context.arguments)
            let settings = try settings(arguments)
            let zone = arguments.zone ?? settings?.timeZone ?? "UTC"
            guard let days = DayRules(zone: zone) else {
                throw Refusal(
                    status: 2,
                    lines: ["there is no time zone '\(zone)'", "hint: such as Europe/Berlin"])
            }
            let entries =
                arguments.isLive
                ? try await live() : try await stored(arguments, settings, days)
            let report = UsageReport(entries, by: arguments.keys, in: days, top: arguments.top)
            switch arguments.format {
            case .table: context.output(report.table)
            case .json: context.output(report.json + "\n")
            case .csv: context.output(report.csv)
            }
            return 0
        } catch let fault as UsageArguments.Fault {
            context.complain("weir usage: \(fault.message)")
            if let hint = fault.hint { context.complain("hint: \(hint)") }
            return 2
        } catch let refusal as Refusal {
            for (index, line) in refusal.lines.enumerated() {
                context.complain(index == 0 ? "weir usage: \(line)" : line)
            }
            return refusal.status
        } catch {
            context.complain("weir usage: \(error)")
            return 1
        }
    }

    private var adminSocket: String { "\(context.stateDirectory)/admin.sock" }

    /// The meter meant by the words and the configuration; nil where there is none.
    private func settings(_ arguments: UsageArguments) throws -> WingMeterSettings? {
        let meters = context.plugins.compactMap { plugin in
            (plugin.settings as? WingMeterSettings).map { (guid: plugin.guid, settings: $0) }
        }
        guard let wanted = arguments.meter else {
            let paths = Set(
                meters.map { $0.settings.databasePath(stateDirectory: context.stateDirectory) })
            if paths.count > 1, arguments.databasePath == nil, !arguments.isLive {
                throw Refusal(status: 2, lines: several(meters.map(\.guid)))
            }
            return meters.first?.settings
        }
        return meters.first { $0.guid == wanted }?.settings
    }

    private func several(_ guids: [String]) -> [String] {
        [
            "there are several meters",
            "hint: name one with --meter: \(guids.joined(separator: ", "))",
        ]
    }

    private func live() async throws -> [UsageEntry] {
        let answer: String
        do {
            answer = try await context.askGateway(adminSocket, LiveFlows.request)
        } catch {
            throw Refusal(
                status: 1,
                lines: [
                    "no gateway answers at \(adminSocket): \(error)",
                    "hint: start it, or name its configuration with -C FILE",
                ])
        }
        return try LiveFlows(answer: answer).entries
    }

    private func stored(
        _ arguments: UsageArguments, _ settings: WingMeterSettings?, _ days: DayRules
    ) async throws -> [UsageEntry] {
        guard
            let path = arguments.databasePath
                ?? settings?.databasePath(stateDirectory: context.stateDirectory)
        else {
            throw Refusal(
                status: 2,
                lines: [
                    "no database: the configuration has no wing-meter",
                    "hint: name the database with --db PATH, or the configuration with -C FILE",
                ])
        }
        // A running gateway stores what it has counted so far; without one nothing is pending.
        _ = try? await context.askGateway(adminSocket, "{\"command\":\"settle\"}")
        let database = try open(path)
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let query = UsageQuery(
            database: database, meter: try meter(arguments, in: database), keys: arguments.keys,
            since: arguments.since?.milliseconds(now: now, in: days),
            until: arguments.until?.milliseconds(now: now, in: days))
        return try query.entries()
    }

    private func open(_ path: String) throws -> Database {
        do throws(DatabaseError) {
            return try Database(path: path, access: .readOnly)
        } catch {
            guard error.isUnreachable else { throw error }
            throw Refusal(
                status: 1,
                lines: [
                    "there is no database at \(path)",
                    "hint: a gateway makes it at its first start; --db PATH names another",
                ])
        }
    }

    private func meter(_ arguments: UsageArguments, in database: Database) throws -> Int64 {
        let meters = try UsageQuery.meters(of: database)
        let configured = context.plugins.filter { $0.settings is WingMeterSettings }.map(\.guid)
        let wanted = arguments.meter ?? (configured.count == 1 ? configured.first : nil)
        if let found = meters.first(where: { $0.guid == wanted }) { return found.id }
        if let wanted = arguments.meter {
            throw Refusal(
                status: 2,
                lines: [
                    "the database has no meter '\(wanted)'",
                    "hint: it has \(meters.map(\.guid).joined(separator: ", "))",
                ])
        }
        guard meters.count <= 1 else {
            throw Refusal(status: 2, lines: several(meters.map(\.guid)))
        }
        return meters.first?.id ?? 0
    }
}

import Limiting
import Metering
import Model
import PluginKit
import Storage

/// What was used of quotas, in a database.
///
/// Exactly once rests on one row per flow with the counts that were stored last. It changes in the
/// same transaction as what is used, and what is added is the difference. So a batch that comes
/// again and a flow that is recovered after a crash add what is missing and nothing else. Rows of
/// ended flows are kept for a day: what the meter's files still hold of a dead run comes again.
///
/// ## Concurrency
/// Not `Sendable`; the keeper has it in a mutex.
final class QuotaStore {
    private let database: Database
    private var assignments: [String: [Assignment]] = [:]
    private var forgetAtMilliseconds: Int64 = 0
    private static let retentionMilliseconds: Int64 = 86_400_000

    /// A quota that a service names.
    private struct Assignment {
        let quota: Quota
        /// Flows that opened before had no part in it.
        let fromMilliseconds: Int64
    }

    static let schema = Schema(
        name: "quotas",
        migrations: [
            Migration(
                "what was used by period, and flows with their last counts",
                [
                    """
                    CREATE TABLE quota_use (
                        quota TEXT NOT NULL, holder TEXT NOT NULL, period TEXT NOT NULL,
                        uplink_bytes INTEGER NOT NULL, downlink_bytes INTEGER NOT NULL,
                        PRIMARY KEY (quota, holder, period)) STRICT, WITHOUT ROWID
                    """,
                    """
                    CREATE TABLE quota_flow (
                        flow BLOB PRIMARY KEY, uplink_bytes INTEGER NOT NULL,
                        downlink_bytes INTEGER NOT NULL, closed INTEGER) STRICT, WITHOUT ROWID
                    """,
                    "CREATE INDEX quota_flow_closed ON quota_flow (closed)",
                ])
        ])

    /// Opens the database. `quotas` are those of each service by its name, whenever its flows
    /// opened.
    init(path: String, quotas: [String: [Quota]] = [:], willRun: (() -> Void)? = nil) throws {
        database = try Database(path: path, busyMilliseconds: 1000)
        database.willRun = willRun
        try database.migrate(Self.schema)
        add(quotas, fromMilliseconds: .min)
    }

    /// Flows of services that open from a moment on count towards these quotas as well.
    func add(_ quotas: [String: [Quota]], fromMilliseconds moment: Int64) {
        for (service, quotas) in quotas {
            let known = assignments[service] ?? []
            let added = quotas.filter { quota in !known.contains { $0.quota === quota } }
            assignments[service] =
                known + added.map { Assignment(quota: $0, fromMilliseconds: moment) }
        }
    }

    /// Flows count towards these quotas alone, of those that were added.
    func keepOnly(_ quotas: [String: [Quota]]) {
        for (service, known) in assignments {
            let wanted = quotas[service] ?? []
            let kept = known.filter { one in wanted.contains { $0 === one.quota } }
            assignments[service] = kept.isEmpty ? nil : kept
        }
    }

    /// Stores a batch in one transaction.
    func take(_ batch: FlowBatch) throws {
        try database.transaction {
            for event in batch.events { try take(event) }
        }
    }

    private func take(_ event: FlowEvent) throws {
        let quotas = (assignments[event.flow.origin.service] ?? [])
            .filter { $0.fromMilliseconds <= event.flow.openedMilliseconds }.map(\.quota)
        if quotas.isEmpty { return }
        switch event {
        case .opened: break
        case .counted(let flow, let counts, let moment):
            try count(flow, counts, quotas, at: moment, hasEnded: false)
        case .recovered(let flow, let counts, let end, let moment):
            if end.cause != .crash, try isForgotten(moment) { return }
            try count(flow, counts, quotas, at: moment, hasEnded: true)
        case .closed(let flow, let counts, _, let moment):
            try count(flow, counts, quotas, at: moment, hasEnded: true)
            try forget(atMilliseconds: moment)
        }
    }

    private func count(
        _ flow: FlowInfo, _ counts: FlowCounts, _ quotas: [Quota], at moment: Int64,
        hasEnded: Bool
    ) throws {
        let before = try database.rows(
            """
            SELECT uplink_bytes, downlink_bytes, closed IS NOT NULL FROM quota_flow
            WHERE flow = ?1
            """,
            [.blob(flow.id.storedBytes)]
        ) { (uplink: $0.counter(0), downlink: $0.counter(1), hasEnded: $0.integer(2) == 1) }.first
        if before?.hasEnded == true { return }
        let uplink = max(counts.uplinkBytes, before?.uplink ?? 0)
        let downlink = max(counts.downlinkBytes, before?.downlink ?? 0)
        let statement = try database.statement(
            """
            INSERT INTO quota_flow (flow, uplink_bytes, downlink_bytes, closed)
            VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (flow) DO UPDATE SET uplink_bytes = excluded.uplink_bytes,
                downlink_bytes = excluded.downlink_bytes, closed = excluded.closed
            """)
        statement.bind(1, flow.id.storedBytes)
        statement.bind(2, counter: uplink)
        statement.bind(3, counter: downlink)
        if hasEnded { statement.bind(4, moment) } else { statement.bindNull(4) }
        try statement.run()
        try add(
            uplink - (before?.uplink ?? 0), downlink - (before?.downlink ?? 0), of: flow, quotas,
            at: moment)
    }

    private func add(
        _ uplink: UInt64, _ downlink: UInt64, of flow: FlowInfo, _ quotas: [Quota],
        at moment: Int64
    ) throws {
        if uplink == 0, downlink == 0 { return }
        let subject = LimitedSubject(address: flow.client.address, user: flow.user)
        for quota in quotas {
            guard let period = quota.terms.periodName(atMilliseconds: moment) else { continue }
            for holder in quota.holders(of: subject) {
                let statement = try database.statement(
                    """
                    INSERT INTO quota_use (quota, holder, period, uplink_bytes, downlink_bytes)
                    VALUES (?1, ?2, ?3, ?4, ?5)
                    ON CONFLICT (quota, holder, period) DO UPDATE SET
                        uplink_bytes = uplink_bytes + excluded.uplink_bytes,
                        downlink_bytes = downlink_bytes + excluded.downlink_bytes
                    """)
                statement.bind(1, quota.name)
                statement.bind(2, holder.description)
                statement.bind(3, period)
                statement.bind(4, counter: uplink)
                statement.bind(5, counter: downlink)
                try statement.run()
            }
        }
    }

    /// Whether the row of a flow that ended then may be gone, since it was stored long ago.
    private func isForgotten(_ moment: Int64) throws -> Bool {
        let latest = try database.integer("SELECT max(closed) FROM quota_flow") ?? 0
        return moment < latest - Self.retentionMilliseconds
    }

    private func forget(atMilliseconds moment: Int64) throws {
        guard moment >= forgetAtMilliseconds else { return }
        forgetAtMilliseconds = moment + 60_000
        try database.execute(
            "DELETE FROM quota_flow WHERE closed < ?1",
            .integer(moment - Self.retentionMilliseconds))
    }

    /// Forgets what was used of a quota in its present period.
    func reset(_ quota: Quota, atMilliseconds moment: Int64) throws {
        guard let period = quota.terms.periodName(atMilliseconds: moment) else { return }
        let statement = try database.statement(
            "DELETE FROM quota_use WHERE quota = ?1 AND period = ?2")
        statement.bind(1, quota.name)
        statement.bind(2, period)
        try statement.run()
    }

    /// Tells a quota what was used of it in the present period.
    func restore(_ quota: Quota, atMilliseconds moment: Int64) throws {
        guard let period = quota.terms.periodName(atMilliseconds: moment) else { return }
        let rows = try database.rows(
            """
            SELECT holder, uplink_bytes, downlink_bytes FROM quota_use
            WHERE quota = ?1 AND period = ?2
            """, [.text(quota.name), .text(period)]
        ) { ($0.text(0), $0.counter(1), $0.counter(2)) }
        for (text, uplink, downlink) in rows {
            guard let text, let holder = Quota.Holder(text) else { continue }
            quota.restore(
                quota.terms.counted.bytes(uplink: uplink, downlink: downlink), of: holder,
                period: period)
        }
    }
}

extension FlowID {
    /// The sixteen bytes, as they are stored.
    var storedBytes: [UInt8] {
        [high, low].flatMap { word in withUnsafeBytes(of: word.bigEndian) { Array($0) } }
    }
}

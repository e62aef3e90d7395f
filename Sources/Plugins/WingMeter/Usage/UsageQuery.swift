import Model
import PluginKit
import Storage

/// Reads entries from a meter's database.
struct UsageQuery {
    let database: Database
    let meter: Int64
    let keys: [UsageKeyName]
    /// Milliseconds since 1970; buckets that end by then are left out.
    let since: Int64?
    /// Milliseconds since 1970; buckets that begin then or later are left out.
    let until: Int64?

    /// Usage buckets, or flows where flows were asked for.
    func entries() throws -> [UsageEntry] {
        keys.contains(.flow) ? try flows() : try buckets()
    }

    private var columns: [(key: UsageKeyName, column: String)] {
        [
            (.user, "s.user"), (.service, "s.service"), (.node, "s.node"),
            (.protocol, "s.protocol"),
        ]
    }

    private func buckets() throws -> [UsageEntry] {
        // Only what was asked for, so that the database does the summing.
        var names = columns.map { keys.contains($0.key) ? $0.column : "''" }
        let isByDestination = keys.contains(.destination) || keys.contains(.host)
        names.append(isByDestination ? "u.destination" : "''")
        names.append(keys.contains(.day) ? "u.bucket" : "0")
        let first = since.map { UsageBucket.of($0) } ?? .min
        let end = until.map { UsageBucket.of($0 - 1) } ?? .max
        return try database.rows(
            """
            SELECT \(names.joined(separator: ", ")), sum(u.flows),
                \(CountColumns.each { "sum(u.\($0))" })
            FROM wing_usage u JOIN wing_subject s ON s.id = u.subject
            WHERE s.meter = ?1 AND u.bucket BETWEEN ?2 AND ?3
            GROUP BY 1, 2, 3, 4, 5, 6
            """, [.integer(meter), .integer(first), .integer(end)]
        ) { row in
            var entry = entry(row)
            entry.moment = row.integer(5) * UsageBucket.milliseconds
            entry.flows = row.integer(6)
            entry.counts = row.counts(from: 7)
            return entry
        }
    }

    /// A flow is whole: its counts are not divided at the edges of the time asked for.
    private func flows() throws -> [UsageEntry] {
        try database.rows(
            """
            SELECT \(columns.map(\.column).joined(separator: ", ")), f.destination, f.opened,
                hex(f.flow), \(CountColumns.each { "f.\($0)" })
            FROM wing_flow f JOIN wing_subject s ON s.id = f.subject
            WHERE f.meter = ?1 AND f.updated >= ?2 AND f.opened < ?3
            """, [.integer(meter), .integer(since ?? .min), .integer(until ?? .max)]
        ) { row in
            var entry = entry(row)
            entry.moment = row.integer(5)
            entry.flow = row.text(6)?.lowercased()
            entry.flows = 1
            entry.counts = row.counts(from: 7)
            return entry
        }
    }

    private func entry(_ row: Statement) -> UsageEntry {
        let texts = (0..<5).map { column -> String? in
            let text = row.text(Int32(column)) ?? ""
            return text.isEmpty ? nil : text
        }
        var entry = UsageEntry()
        entry.user = texts[0]
        entry.service = texts[1]
        entry.node = texts[2]
        entry.transport = texts[3]
        entry.destination = texts[4]
        return entry
    }

    /// The meters of a database by GUID.
    static func meters(of database: Database) throws -> [(id: Int64, guid: String)] {
        try database.rows("SELECT id, guid FROM wing_meter ORDER BY guid") { row in
            (id: row.integer(0), guid: row.text(1) ?? "")
        }
    }
}

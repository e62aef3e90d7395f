import PluginKit
import Storage

/// The tables, and statements about all of a client's counts.
extension ObserverStore {
    static let schema = Schema(
        name: "observers",
        migrations: [
            Migration(
                "flows with their last counts, clients, and messages that nobody has taken",
                [
                    """
                    CREATE TABLE observer_flow (
                        flow BLOB PRIMARY KEY, uplink_bytes INTEGER NOT NULL,
                        uplink_packets INTEGER NOT NULL, downlink_bytes INTEGER NOT NULL,
                        downlink_packets INTEGER NOT NULL, dropped_packets INTEGER NOT NULL,
                        closed INTEGER) STRICT, WITHOUT ROWID
                    """,
                    "CREATE INDEX observer_flow_closed ON observer_flow (closed)",
                    """
                    CREATE TABLE observer_client (
                        service TEXT NOT NULL, kind TEXT NOT NULL, client TEXT NOT NULL,
                        changed_at INTEGER NOT NULL, is_changed INTEGER NOT NULL,
                        \(columns(" INTEGER NOT NULL")),
                        PRIMARY KEY (service, kind, client)) STRICT, WITHOUT ROWID
                    """,
                    """
                    CREATE INDEX observer_client_changed ON observer_client (service, kind)
                    WHERE is_changed = 1
                    """,
                    """
                    CREATE INDEX observer_client_quiet ON observer_client (changed_at)
                    WHERE is_changed = 0
                    """,
                    """
                    CREATE TABLE observer_message (
                        id INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL,
                        kind TEXT NOT NULL, is_status INTEGER NOT NULL, message BLOB NOT NULL)
                        STRICT
                    """,
                    "CREATE INDEX observer_message_channel ON observer_message (service, kind)",
                ])
        ])

    /// Adds counts (?5, …) to a client (?1, ?2, ?3) at a moment (?4).
    static let addition: String = {
        let places = ObserverTally.columns.indices.map { "?\(5 + $0)" }.joined(separator: ", ")
        let sums = ObserverTally.columns.map { "\($0) = \($0) + excluded.\($0)" }
        return """
            INSERT INTO observer_client
                (service, kind, client, changed_at, is_changed, \(columns("")))
            VALUES (?1, ?2, ?3, ?4, 1, \(places))
            ON CONFLICT (service, kind, client) DO UPDATE SET changed_at = excluded.changed_at,
                is_changed = 1, \(sums.joined(separator: ", "))
            """
    }()

    /// Forgets what a client (?1, ?2, ?3) has told.
    static let reset: String = {
        let zeros = ObserverTally.untoldColumns.map { "\($0) = 0" }.joined(separator: ", ")
        return """
            UPDATE observer_client SET is_changed = 0, \(zeros)
            WHERE service = ?1 AND kind = ?2 AND client = ?3
            """
    }()

    private static func columns(_ type: String) -> String {
        ObserverTally.columns.map { $0 + type }.joined(separator: ", ")
    }
}

import Model
public import PluginKit

extension WingMeter: Migrations {
    /// Usage in buckets of a quarter of an hour, flows with their last counts, the position of the
    /// record file.
    ///
    /// - `wing_meter`: one row per GUID that writes here. `floor`: rows of flows that opened
    ///   before it may have been forgotten. `boot`: the run that writes now.
    /// - `wing_subject`: who and what, once; `''` stands for none.
    /// - `wing_usage`: `bucket` counts quarters of an hour since 1970, UTC.
    /// - `wing_flow`: `opened` leads the key so that new rows go to the end of the tree. The counts
    ///   are cumulative.
    /// - `wing_journal`: `lines` belong at `position` of the record file, and are written there
    ///   after the commit; a start writes them again.
    public static let schema = Schema(
        name: "wing-meter",
        migrations: [
            Migration(
                "usage by quarter of an hour, flows, record file",
                [
                    """
                    CREATE TABLE wing_meter (
                        id INTEGER PRIMARY KEY, guid TEXT NOT NULL UNIQUE,
                        boot INTEGER, floor INTEGER NOT NULL DEFAULT 0) STRICT
                    """,
                    """
                    CREATE TABLE wing_subject (
                        id INTEGER PRIMARY KEY, meter INTEGER NOT NULL REFERENCES wing_meter (id),
                        service TEXT NOT NULL, node TEXT NOT NULL, user TEXT NOT NULL,
                        protocol TEXT NOT NULL,
                        UNIQUE (meter, service, node, user, protocol)) STRICT
                    """,
                    """
                    CREATE TABLE wing_usage (
                        bucket INTEGER NOT NULL,
                        subject INTEGER NOT NULL REFERENCES wing_subject (id),
                        destination TEXT NOT NULL, flows INTEGER NOT NULL, \(countColumns),
                        PRIMARY KEY (bucket, subject, destination)) STRICT, WITHOUT ROWID
                    """,
                    """
                    CREATE TABLE wing_flow (
                        opened INTEGER NOT NULL, flow BLOB NOT NULL,
                        meter INTEGER NOT NULL REFERENCES wing_meter (id), boot INTEGER NOT NULL,
                        subject INTEGER NOT NULL REFERENCES wing_subject (id),
                        client TEXT NOT NULL, destination TEXT NOT NULL, address TEXT NOT NULL,
                        updated INTEGER NOT NULL, closed INTEGER, end_by TEXT, end_phase TEXT,
                        end_cause TEXT, events INTEGER NOT NULL DEFAULT 1, \(countColumns),
                        \(lastColumns),
                        PRIMARY KEY (opened, flow, meter)) STRICT, WITHOUT ROWID
                    """,
                    """
                    CREATE TABLE wing_journal (
                        meter INTEGER PRIMARY KEY REFERENCES wing_meter (id),
                        device INTEGER NOT NULL, inode INTEGER NOT NULL,
                        position INTEGER NOT NULL, lines BLOB NOT NULL) STRICT
                    """,
                ]),
            Migration(
                "flows without the counts before the last",
                (CountColumns.names.map { "last_\($0)" } + ["events"]).map {
                    "ALTER TABLE wing_flow DROP COLUMN \($0)"
                }),
        ])

    private static let countColumns = CountColumns.names
        .map { "\($0) INTEGER NOT NULL" }.joined(separator: ", ")
    private static let lastColumns = CountColumns.names
        .map { "last_\($0) INTEGER NOT NULL DEFAULT 0" }.joined(separator: ", ")
}

/// The seven counts as columns, everywhere in this order.
enum CountColumns {
    static let names = [
        "uplink_bytes", "uplink_packets", "downlink_bytes", "downlink_packets",
        "overhead_uplink_bytes", "overhead_downlink_bytes", "dropped_packets",
    ]

    /// `a, b, c, …`
    static let list = names.joined(separator: ", ")

    /// One text per column, joined by commas.
    static func each(_ text: (String) -> String) -> String {
        names.map(text).joined(separator: ", ")
    }
}

extension FlowCounts {
    /// In the order of `CountColumns`.
    var columns: [UInt64] {
        [
            uplinkBytes, uplinkPackets, downlinkBytes, downlinkPackets, overheadUplinkBytes,
            overheadDownlinkBytes, droppedPackets,
        ]
    }

    /// Adds field by field.
    mutating func add(_ other: FlowCounts) {
        uplinkBytes += other.uplinkBytes
        uplinkPackets += other.uplinkPackets
        downlinkBytes += other.downlinkBytes
        downlinkPackets += other.downlinkPackets
        overheadUplinkBytes += other.overheadUplinkBytes
        overheadDownlinkBytes += other.overheadDownlinkBytes
        droppedPackets += other.droppedPackets
    }

    /// Whether every count is one that a flow can reach: 2^56 is 2 years at 1 GB/s. Larger ones
    /// come from damaged files.
    var isPlausible: Bool { columns.allSatisfy { $0 < 1 << 56 } }
}

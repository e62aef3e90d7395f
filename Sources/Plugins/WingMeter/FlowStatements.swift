import Model
import Storage

/// The statements that keep one row per flow.
///
/// ## Concurrency
/// Not `Sendable`: their database's.
struct FlowStatements {
    private let database: Database
    private let insertStatement: Statement
    private let selectStatement: Statement
    private let updateStatement: Statement

    init(_ database: Database) throws {
        self.database = database
        insertStatement = try database.statement(
            """
            INSERT INTO wing_flow (opened, flow, meter, updated, closed, end_by, end_phase,
                end_cause, \(CountColumns.list), boot, subject, client, destination, address)
            VALUES (\((1...20).map { "?\($0)" }.joined(separator: ", ")))
            ON CONFLICT (opened, flow, meter) DO NOTHING
            """)
        selectStatement = try database.statement(
            """
            SELECT \(CountColumns.list) FROM wing_flow
            WHERE opened = ?1 AND flow = ?2 AND meter = ?3 AND closed IS NULL
            """)
        let counts = CountColumns.names.enumerated()
            .map { "\($1) = max(\($1), ?\($0 + 9))" }.joined(separator: ", ")
        updateStatement = try database.statement(
            """
            UPDATE wing_flow SET updated = ?4, closed = ?5, end_by = ?6, end_phase = ?7,
                end_cause = ?8, \(counts)
            WHERE opened = ?1 AND flow = ?2 AND meter = ?3
            """)
    }

    /// Makes the row of a flow; false where there is one.
    func insert(
        _ reading: UsageStore.Reading, _ meter: Int64, subject: Int64, destination: String
    ) throws -> Bool {
        let (statement, flow) = (insertStatement, reading.flow)
        bind(reading, meter, to: statement)
        statement.bind(16, Int64(bitPattern: flow.boot.bits))
        statement.bind(17, subject)
        statement.bind(18, flow.client.description)
        statement.bind(19, destination)
        statement.bind(20, flow.host == nil ? destination : flow.destination.description)
        try statement.run()
        return database.changedRows > 0
    }

    /// The counts that are stored; nil where the flow has ended.
    func openCounts(of flow: FlowInfo, _ meter: Int64) throws -> FlowCounts? {
        let statement = selectStatement
        bindKey(flow, meter, to: statement)
        defer { statement.reset() }
        return try statement.step() ? statement.counts(from: 0) : nil
    }

    /// Brings the row of a flow up to date.
    func update(_ reading: UsageStore.Reading, _ meter: Int64) throws {
        bind(reading, meter, to: updateStatement)
        try updateStatement.run()
    }

    private func bindKey(_ flow: FlowInfo, _ meter: Int64, to statement: Statement) {
        statement.bind(1, flow.openedMilliseconds)
        statement.bind(2, flow.id.bytes)
        statement.bind(3, meter)
    }

    /// The parameters that making and updating have in common: 1 to 15.
    private func bind(_ reading: UsageStore.Reading, _ meter: Int64, to statement: Statement) {
        bindKey(reading.flow, meter, to: statement)
        statement.bind(4, reading.atMilliseconds)
        if reading.end == nil {
            statement.bindNull(5)
        } else {
            statement.bind(5, reading.atMilliseconds)
        }
        statement.bind(6, reading.end?.by.name)
        statement.bind(7, reading.end?.phase.name)
        statement.bind(8, reading.end?.cause.name)
        statement.bind(counts: reading.counts, from: 9)
    }
}

extension FlowID {
    /// The sixteen bytes, as they are stored.
    var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { bytes, count in
            let raw = UnsafeMutableRawBufferPointer(bytes)
            raw.storeBytes(of: high.bigEndian, as: UInt64.self)
            raw.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            count = 16
        }
    }
}

extension Statement {
    /// Binds the seven counts from a place on.
    func bind(counts: FlowCounts, from index: Int32) {
        for (offset, count) in counts.columns.enumerated() {
            bind(index + Int32(offset), counter: count)
        }
    }

    /// Seven columns as counts.
    func counts(from column: Int32) -> FlowCounts {
        var counts = FlowCounts()
        counts.uplinkBytes = counter(column)
        counts.uplinkPackets = counter(column + 1)
        counts.downlinkBytes = counter(column + 2)
        counts.downlinkPackets = counter(column + 3)
        counts.overheadUplinkBytes = counter(column + 4)
        counts.overheadDownlinkBytes = counter(column + 5)
        counts.droppedPackets = counter(column + 6)
        return counts
    }
}

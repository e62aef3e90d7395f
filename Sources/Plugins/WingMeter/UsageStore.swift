import Model
import PluginKit
import Storage

/// The database of one meter: usage, flows, and what the record file was promised.
///
/// Exactly once rests on one row per flow with its last stored counts. It changes in the same
/// transaction as the usage it explains, and what is added to usage is the difference between the
/// new counts and the stored ones. So an event that arrives again, after a failed batch, a crash or
/// a recovery, adds what is missing and nothing else. The row of an ended flow stays as its
/// tombstone for `flowRetention`, and takes no more counts.
///
/// ## Concurrency
/// Not `Sendable`; the plugin keeps it in a mutex.
final class UsageStore {
    let database: Database
    let meter: Int64
    private let boot: BootID
    private(set) var floor: Int64
    private var subjects: [Subject: Int64] = [:]
    private var census: DestinationCensus
    /// Kept, since their texts are long to look up for every flow.
    private var flowStatements: FlowStatements?
    /// Users times services is what this grows with; more are looked up again.
    private let subjectsMax = 65_536

    /// Opens the database, brings its tables up to date and takes the meter for this run.
    init(
        path: String, guid: String, boot: BootID, destinations: Int, willRun: (() -> Void)?
    ) throws {
        // A batch that finds the database held comes again; waiting long gains nothing.
        database = try Database(path: path, busyMilliseconds: 1000)
        database.willRun = willRun
        self.boot = boot
        census = DestinationCensus(limit: destinations)
        try database.migrate(WingMeter.schema)
        let bits = Int64(bitPattern: boot.bits)
        (meter, floor) = try database.transaction { [database] in
            try database.execute(
                "INSERT INTO wing_meter (guid) VALUES (?1) ON CONFLICT (guid) DO NOTHING",
                .text(guid))
            let row = try database.rows(
                "SELECT id, floor, boot FROM wing_meter WHERE guid = ?1", [.text(guid)]
            ) {
                (id: $0.integer(0), floor: $0.integer(1), boot: $0.isNull(2) ? nil : $0.integer(2))
            }
            guard let found = row.first, found.boot != bits else {
                throw WingMeterError.takenTwice(guid: guid, path: path)
            }
            try database.execute(
                "UPDATE wing_meter SET boot = ?1 WHERE id = ?2", .integer(bits),
                .integer(found.id))
            return (found.id, found.floor)
        }
    }

    /// Lets another instance of this run take the meter.
    func release() throws {
        try database.execute(
            "UPDATE wing_meter SET boot = NULL WHERE id = ?1", .integer(meter))
    }

    /// Stores what `body` does in one transaction.
    func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        let floorBefore = floor
        do {
            return try database.transaction(body)
        } catch {
            // What was cached may have been rolled back.
            floor = floorBefore
            subjects = [:]
            census.forget()
            throw error
        }
    }

    // MARK: Flows

    /// A flow's new counts, and its end if it ended.
    struct Reading {
        let flow: FlowInfo
        let counts: FlowCounts
        let end: FlowEnd?
        let atMilliseconds: Int64
        let isRecovered: Bool
    }

    /// What a reading changed.
    enum Change {
        /// Nothing: the flow had ended already.
        case none
        /// The flow's row was made or brought up to date.
        case stored
    }

    /// Stores a reading and adds to `tally` what it adds to usage.
    func take(_ reading: Reading, _ tally: inout UsageTally) throws -> Change {
        let flow = reading.flow
        if reading.isRecovered, flow.openedMilliseconds < floor, try !isKnown(flow) {
            return .none
        }
        let subject = try subjectID(of: flow)
        let host: Destination.Host =
            if let name = flow.host { .name(name) } else { .address(flow.destination.address) }
        let destination = Destination(host: host, port: flow.destination.port).description
        guard let before = try upsert(reading, subject: subject, destination: destination) else {
            return .none
        }
        if before.isNew {
            tally.addFlow(
                try key(at: flow.openedMilliseconds, subject: subject, destination: destination))
        }
        let delta = reading.counts.growth(since: before.counts)
        if delta != FlowCounts() {
            tally.add(
                delta,
                try key(at: reading.atMilliseconds, subject: subject, destination: destination))
        }
        return .stored
    }

    private func key(at moment: Int64, subject: Int64, destination: String) throws -> UsageKey {
        let bucket = UsageBucket.of(moment)
        return UsageKey(
            bucket: bucket, subject: subject,
            destination: try census.admit(destination, bucket: bucket, in: database))
    }

    private func isKnown(_ flow: FlowInfo) throws -> Bool {
        try database.integer(
            "SELECT 1 FROM wing_flow WHERE opened = ?1 AND flow = ?2 AND meter = ?3",
            .integer(flow.openedMilliseconds), .blob(flow.id.bytes), .integer(meter)) != nil
    }

    /// Makes or updates the flow's row; the counts that were there, or nil where it had ended.
    ///
    /// Most flows are short and come once, so the row is inserted first. One statement that also
    /// tells the old counts (RETURNING) would build a table for them in memory every time, which
    /// costs as much as the insert itself.
    private func upsert(
        _ reading: Reading, subject: Int64, destination: String
    ) throws -> (isNew: Bool, counts: FlowCounts)? {
        let statements = try flowStatements ?? FlowStatements(database)
        flowStatements = statements
        if try statements.insert(reading, meter, subject: subject, destination: destination) {
            return (isNew: true, counts: FlowCounts())
        }
        guard let before = try statements.openCounts(of: reading.flow, meter) else { return nil }
        try statements.update(reading, meter)
        return (isNew: false, counts: before)
    }

    // MARK: Usage

    /// Adds what a batch adds up to.
    func add(_ tally: UsageTally) throws {
        let statement = try database.statement(
            """
            INSERT INTO wing_usage (bucket, subject, destination, flows, \(CountColumns.list))
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
            ON CONFLICT (bucket, subject, destination) DO UPDATE SET flows = flows + excluded.flows,
                \(CountColumns.each { "\($0) = \($0) + excluded.\($0)" })
            """)
        for (key, sum) in tally.sums {
            statement.bind(1, key.bucket)
            statement.bind(2, key.subject)
            statement.bind(3, key.destination)
            statement.bind(4, sum.flows)
            statement.bind(counts: sum.counts, from: 5)
            try statement.run()
        }
    }

    private func subjectID(of flow: FlowInfo) throws -> Int64 {
        let subject = Subject(flow)
        if let known = subjects[subject] { return known }
        let values: [Value] = [
            .integer(meter), .text(subject.service), .text(subject.node), .text(subject.user),
            .text(subject.transport.name),
        ]
        let inserted = try database.rows(
            """
            INSERT INTO wing_subject (meter, service, node, user, protocol)
            VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (meter, service, node, user, protocol) DO UPDATE SET user = excluded.user
            RETURNING id
            """, values
        ) { $0.integer(0) }
        guard let id = inserted.first else {
            preconditionFailure("an upsert returns its row")
        }
        if subjects.count >= subjectsMax { subjects = [:] }
        subjects[subject] = id
        return id
    }

    /// The floor below which ended flows may have been forgotten.
    func raiseFloor(to moment: Int64) throws {
        guard moment > floor else { return }
        try database.execute(
            "UPDATE wing_meter SET floor = ?1 WHERE id = ?2", .integer(moment), .integer(meter))
        floor = moment
    }
}

/// Who and what usage is kept by.
private struct Subject: Hashable {
    let service: String
    let node: String
    let user: String
    let transport: TransportProtocol

    init(_ flow: FlowInfo) {
        service = flow.origin.service
        node = flow.node ?? ""
        user = flow.user ?? ""
        transport = flow.transport
    }
}

extension FlowCounts {
    /// What was added since `earlier`; where a count shrank, which the contract excludes, nothing.
    func growth(since earlier: FlowCounts) -> FlowCounts {
        var later = self
        later.raise(to: earlier)
        return later.since(earlier)
    }

    private mutating func raise(to other: FlowCounts) {
        uplinkBytes = max(uplinkBytes, other.uplinkBytes)
        uplinkPackets = max(uplinkPackets, other.uplinkPackets)
        downlinkBytes = max(downlinkBytes, other.downlinkBytes)
        downlinkPackets = max(downlinkPackets, other.downlinkPackets)
        overheadUplinkBytes = max(overheadUplinkBytes, other.overheadUplinkBytes)
        overheadDownlinkBytes = max(overheadDownlinkBytes, other.overheadDownlinkBytes)
        droppedPackets = max(droppedPackets, other.droppedPackets)
    }
}

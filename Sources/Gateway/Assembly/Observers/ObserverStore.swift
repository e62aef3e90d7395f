import Metering
import Model
import PluginKit
import RemotePlugins
import Storage

/// What observers' servers are to be told, in a database, so that nothing is told twice or lost.
///
/// Three tables: flows with their counts as they were looked at last, so that a batch that comes
/// again and a flow that is recovered after a crash add what is missing and nothing else; clients
/// with their totals and what nobody was told of yet; and messages that were made of that and that
/// a server has not taken. A message is made in the transaction that forgets what is in it, and
/// comes again byte for byte, after a crash too.
///
/// ## Concurrency
/// Not `Sendable`; the keeper has it in a mutex.
final class ObserverStore {
    /// One service's or handler's way to its server.
    struct Channel: Hashable, Sendable {
        let service: String
        let kind: ObserverMessage.Kind
    }

    /// A message on its way.
    struct Parcel: Sendable {
        let id: Int64
        let message: [UInt8]
        /// Whether there is nothing more to tell for now.
        let isLast: Bool
    }

    private struct Client: Hashable {
        let channel: Channel
        let name: String
    }

    let database: Database
    private let boot: BootID
    private let log: @Sendable (LogLevel, String) -> Void
    private let clientsMax: Int
    /// Which channels count, by the service's name.
    private var counting: [String: [Channel]] = [:]
    private var sequences: [Channel: UInt64] = [:]
    private var open: [Client: UInt64] = [:]
    private var clientCount = 0
    private var forgottenClients: UInt64 = 0
    private var forgetAtMilliseconds: Int64 = 0
    private static let retentionMilliseconds: Int64 = 86_400_000

    /// Opens the database; `path` may be `Database.inMemory`.
    init(
        path: String, boot: BootID, clientsMax: Int = Limits.observedClients,
        log: @escaping @Sendable (LogLevel, String) -> Void
    ) throws {
        self.boot = boot
        self.log = log
        self.clientsMax = clientsMax
        database = try Database(path: path, busyMilliseconds: 1000)
        try database.migrate(Self.schema)
        clientCount = Int(try database.integer("SELECT count(*) FROM observer_client") ?? 0)
    }

    /// Says which channels there are, and which of them are told counts. What is kept for others is
    /// dropped.
    func setChannels(_ channels: Set<Channel>, counting: Set<Channel>) throws {
        self.counting = Dictionary(grouping: counting) { $0.service }
        for table in ["observer_client", "observer_message"] {
            let known = try database.rows("SELECT DISTINCT service, kind FROM \(table)") {
                ($0.text(0) ?? "", $0.text(1) ?? "")
            }
            for (service, kind) in known {
                let channel = ObserverMessage.Kind(rawValue: kind).map {
                    Channel(service: service, kind: $0)
                }
                if let channel, channels.contains(channel) { continue }
                try database.execute(
                    "DELETE FROM \(table) WHERE service = ?1 AND kind = ?2",
                    .text(service), .text(kind))
            }
        }
        clientCount = Int(try database.integer("SELECT count(*) FROM observer_client") ?? 0)
    }

    // MARK: Counting

    /// Stores a batch in one transaction.
    func take(_ batch: FlowBatch) throws {
        var changes: [Client: Int64] = [:]
        try database.transaction {
            for event in batch.events { try take(event, &changes) }
        }
        for (client, change) in changes {
            let count = Int64(open[client] ?? 0) + change
            open[client] = count > 0 ? UInt64(count) : nil
        }
    }

    private func take(_ event: FlowEvent, _ changes: inout [Client: Int64]) throws {
        guard let channels = counting[event.flow.origin.service] else { return }
        switch event {
        case .opened(let flow):
            try count(flow, FlowCounts(), channels, at: flow.openedMilliseconds, nil, &changes)
        case .counted(let flow, let counts, let moment):
            try count(flow, counts, channels, at: moment, nil, &changes)
        case .closed(let flow, let counts, let end, let moment):
            try count(flow, counts, channels, at: moment, end, &changes)
            try forget(atMilliseconds: moment)
        case .recovered(let flow, let counts, let end, let moment):
            if end.cause != .crash, try isForgotten(moment) { return }
            try count(flow, counts, channels, at: moment, end, &changes)
        }
    }

    private func count(
        _ flow: FlowInfo, _ counts: FlowCounts, _ channels: [Channel], at moment: Int64,
        _ end: FlowEnd?, _ changes: inout [Client: Int64]
    ) throws {
        let before = try counted(flow.id)
        if before?.hasEnded == true { return }
        let counts = before.map { counts.atLeast($0.counts) } ?? counts
        let added = counts.since(before?.counts ?? FlowCounts())
        if before != nil, end == nil, added == FlowCounts() { return }
        try store(flow.id, counts, closed: end == nil ? nil : moment)
        let tally = ObserverTally(
            flow.transport, added, isNew: before == nil,
            hasFailed: end.map(Self.isFailure) ?? false)
        let isOurs = flow.boot == boot
        for channel in channels {
            let name = channel.kind == .service ? "" : flow.user ?? ""
            let client = try add(tally, Client(channel: channel, name: name), at: moment)
            guard isOurs else { continue }
            // One that is over when it is first heard of was never open here.
            if before == nil, end == nil { changes[client, default: 0] += 1 }
            if before != nil, end != nil { changes[client, default: 0] -= 1 }
        }
    }

    private static func isFailure(_ end: FlowEnd) -> Bool {
        end.phase != .relay || end.cause == .failed || end.cause == .malformed
    }

    private func counted(_ flow: FlowID) throws -> (counts: FlowCounts, hasEnded: Bool)? {
        try database.rows(
            """
            SELECT uplink_bytes, uplink_packets, downlink_bytes, downlink_packets, dropped_packets,
                closed IS NOT NULL FROM observer_flow WHERE flow = ?1
            """, [.blob(flow.storedBytes)]
        ) { row -> (counts: FlowCounts, hasEnded: Bool) in
            var counts = FlowCounts()
            counts.uplinkBytes = row.counter(0)
            counts.uplinkPackets = row.counter(1)
            counts.downlinkBytes = row.counter(2)
            counts.downlinkPackets = row.counter(3)
            counts.droppedPackets = row.counter(4)
            return (counts, row.integer(5) == 1)
        }.first
    }

    private func store(_ flow: FlowID, _ counts: FlowCounts, closed: Int64?) throws {
        let statement = try database.statement(
            "INSERT OR REPLACE INTO observer_flow VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
        statement.bind(1, flow.storedBytes)
        statement.bind(2, counter: counts.uplinkBytes)
        statement.bind(3, counter: counts.uplinkPackets)
        statement.bind(4, counter: counts.downlinkBytes)
        statement.bind(5, counter: counts.downlinkPackets)
        statement.bind(6, counter: counts.droppedPackets)
        statement.bind(7, closed.map { .integer($0) } ?? .null)
        try statement.run()
    }

    // MARK: Clients

    /// Adds to a client; where there are too many, to the one that stands for the others. The
    /// result is whom it was added to.
    private func add(
        _ tally: ObserverTally, _ client: Client, at moment: Int64
    ) throws -> Client {
        var client = client
        if try !isKnown(client) {
            if clientCount >= clientsMax { try forgetClients() }
            if clientCount >= clientsMax, !client.name.isEmpty {
                client = Client(channel: client.channel, name: Self.others)
            }
            if try !isKnown(client) { clientCount += 1 }
        }
        let statement = try database.statement(Self.addition)
        statement.bind(1, client.channel.service)
        statement.bind(2, client.channel.kind.rawValue)
        statement.bind(3, client.name)
        statement.bind(4, moment)
        for (index, value) in tally.values.enumerated() {
            statement.bind(Int32(5 + index), counter: value)
        }
        try statement.run()
        return client
    }

    /// Who moved what there is no more room for by name.
    static let others = "(others)"

    private func isKnown(_ client: Client) throws -> Bool {
        try !database.rows(
            "SELECT 1 FROM observer_client WHERE service = ?1 AND kind = ?2 AND client = ?3",
            [
                .text(client.channel.service), .text(client.channel.kind.rawValue),
                .text(client.name),
            ]
        ) { $0.integer(0) }.isEmpty
    }

    /// Makes room: those that were quiet longest, have nothing open and of whom all was told.
    private func forgetClients() throws {
        let quiet = try database.rows(
            """
            SELECT service, kind, client FROM observer_client WHERE is_changed = 0
            ORDER BY changed_at LIMIT ?1
            """, [.integer(Int64(max(1, clientsMax / 16)))]
        ) { ($0.text(0) ?? "", $0.text(1) ?? "", $0.text(2) ?? "") }
        for (service, kind, name) in quiet {
            guard let known = ObserverMessage.Kind(rawValue: kind) else { continue }
            let channel = Channel(service: service, kind: known)
            if open[Client(channel: channel, name: name)] != nil { continue }
            try database.execute(
                "DELETE FROM observer_client WHERE service = ?1 AND kind = ?2 AND client = ?3",
                .text(service), .text(kind), .text(name))
            clientCount -= 1
            if forgottenClients == 0 {
                log(
                    .warn,
                    "observers have told of \(clientsMax) clients: those that are quiet are "
                        + "forgotten, and their totals begin again at 0")
            }
            forgottenClients += 1
        }
    }

    // MARK: Messages

    /// What a channel tells next; nil when there is nothing. What changed makes a new message only
    /// when `isDue`.
    func parcel(
        for channel: Channel, resetsTraffic: Bool, isDue: Bool
    ) throws -> Parcel? {
        let waiting = try database.rows(
            """
            SELECT id, message FROM observer_message WHERE service = ?1 AND kind = ?2
            ORDER BY id LIMIT 1
            """, [.text(channel.service), .text(channel.kind.rawValue)]
        ) { Parcel(id: $0.integer(0), message: $0.blob(1), isLast: false) }
        if let first = waiting.first { return first }
        if !isDue { return nil }
        return try database.transaction { try pack(channel, resetsTraffic: resetsTraffic) }
    }

    /// A server has taken a message.
    func taken(_ id: Int64) throws {
        try database.execute("DELETE FROM observer_message WHERE id = ?1", .integer(id))
    }

    /// Lets a channel tell what its service is now.
    func announce(_ state: ObserverMessage.State, on channel: Channel) throws {
        try database.transaction {
            var message = begin(channel)
            message.add(state)
            _ = try keep(message, channel, isStatus: true)
            // A server that is away for long is told how it has been lately.
            try database.execute(
                """
                DELETE FROM observer_message WHERE service = ?1 AND kind = ?2 AND is_status = 1
                AND id NOT IN (SELECT id FROM observer_message WHERE service = ?1 AND kind = ?2
                AND is_status = 1 ORDER BY id DESC LIMIT ?3)
                """, .text(channel.service), .text(channel.kind.rawValue),
                .integer(Int64(Limits.statesPerObserver)))
        }
    }

    private func begin(_ channel: Channel) -> ObserverMessage {
        let sequence = (sequences[channel] ?? 0) + 1
        sequences[channel] = sequence
        return ObserverMessage(
            channel.kind, of: channel.service, boot: boot, sequence: sequence)
    }

    private func keep(
        _ message: consuming ObserverMessage, _ channel: Channel, isStatus: Bool
    ) throws -> (id: Int64, message: [UInt8]) {
        let bytes = message.bytes()
        let ids = try database.rows(
            """
            INSERT INTO observer_message (service, kind, is_status, message)
            VALUES (?1, ?2, ?3, ?4) RETURNING id
            """,
            [
                .text(channel.service), .text(channel.kind.rawValue),
                .integer(isStatus ? 1 : 0), .blob(bytes),
            ]
        ) { $0.integer(0) }
        return (ids[0], bytes)
    }

    private func pack(_ channel: Channel, resetsTraffic: Bool) throws -> Parcel? {
        let columns = ObserverTally.columns.joined(separator: ", ")
        let changed = try database.rows(
            """
            SELECT client, \(columns) FROM observer_client
            WHERE service = ?1 AND kind = ?2 AND is_changed = 1 LIMIT ?3
            """,
            [
                .text(channel.service), .text(channel.kind.rawValue),
                .integer(Int64(Limits.eventsPerMessage)),
            ]
        ) { (name: $0.text(0) ?? "", tally: ObserverTally($0, from: 1)) }
        if changed.isEmpty { return nil }
        var message = begin(channel)
        for (name, tally) in changed {
            var totals = tally.totals
            totals.open = open[Client(channel: channel, name: name)] ?? 0
            if resetsTraffic {
                totals.inputBytes = tally.tcp.uplinkBytes + tally.udp.uplinkBytes
                totals.outputBytes = tally.tcp.downlinkBytes + tally.udp.downlinkBytes
            }
            message.add(client: name, totals, tcp: tally.tcp, udp: tally.udp)
            let statement = try database.statement(Self.reset)
            statement.bind(1, channel.service)
            statement.bind(2, channel.kind.rawValue)
            statement.bind(3, name)
            try statement.run()
        }
        let kept = try keep(message, channel, isStatus: false)
        return Parcel(
            id: kept.id, message: kept.message, isLast: changed.count < Limits.eventsPerMessage)
    }

    // MARK: Ended flows

    /// Whether the row of a flow that ended then may be gone, since it was stored long ago.
    private func isForgotten(_ moment: Int64) throws -> Bool {
        let latest = try database.integer("SELECT max(closed) FROM observer_flow") ?? 0
        return moment < latest - Self.retentionMilliseconds
    }

    private func forget(atMilliseconds moment: Int64) throws {
        guard moment >= forgetAtMilliseconds else { return }
        forgetAtMilliseconds = moment + 60_000
        try database.execute(
            "DELETE FROM observer_flow WHERE closed < ?1",
            .integer(moment - Self.retentionMilliseconds))
    }
}

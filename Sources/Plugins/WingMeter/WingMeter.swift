import Model
public import PluginKit
import Storage
import Synchronization

/// Meters every flow of the handlers that name its GUID: totals by user, service, protocol,
/// destination and time in a database, flow records as JSON lines, reports of running flows.
///
/// A batch is one transaction; what it says about flow records is written to the record file right
/// after. Either both happen exactly once or the gateway brings the batch again.
///
/// ## Concurrency
/// The gateway calls it from one worker thread. `updateMetadata` may be called from any thread: it
/// touches only the table of meters, whose lock is never held while the disk works.
public final class WingMeter: Plugin, FlowObserver, Periodic {
    /// `wing-meter`.
    public static let type = "wing-meter"

    private let settings: WingMeterSettings
    private let host: PluginHost
    private let table = Mutex(MeterTable())
    private let desk = Mutex<RecordDesk?>(nil)
    private let faults = Mutex(FaultReport())
    private let probe = Mutex<(@Sendable () -> Void)?>(nil)

    /// Keeps its settings; opens nothing.
    public init(settings: WingMeterSettings, host: PluginHost) {
        self.settings = settings
        self.host = host
    }

    /// Attaches the meter as an observer.
    public func install(in points: inout ExtensionPoints) {
        points.add(observer: self)
        points.add(periodic: self)
    }

    /// Opens the database and the record file, and writes again what a crash may have cut.
    public func start() async throws {
        let probe = probe.withLock { $0 }
        try desk.withLock { desk in
            desk = try RecordDesk(settings: settings, host: host, willRun: probe)
        }
    }

    /// Stores a batch. A throw stores nothing of it, or everything: bringing it again is right.
    public func observe(_ batch: FlowBatch) async throws -> [FlowRuling] {
        try tellingFaults { desk in
            try desk.settle(batch, with: table)
            return true
        }
        return []
    }

    /// How late the last report of flows that fell silent may be.
    public var tickMilliseconds: Int { 1000 }

    /// Reports what moved in an interval that has ended, and forgets what is too old.
    public func tick() async throws {
        try tellingFaults { desk in try desk.tick(with: table) }
    }

    /// Runs `body` on the open desk; the log tells when that begins to fail, and when it works
    /// again. `body` returns whether it stored anything.
    private func tellingFaults(_ body: (RecordDesk) throws -> Bool) throws {
        let hasStored: Bool
        do {
            hasStored = try desk.withLock { desk in
                guard let desk else { throw WingMeterError.isNotRunning }
                return try body(desk)
            }
        } catch {
            let line = faults.withLock { $0.failed(error, now: host.wallMilliseconds()) }
            if let line { host.log(.error, line) }
            throw error
        }
        if hasStored, let line = faults.withLock({ $0.worked() }) { host.log(.info, line) }
    }

    /// Writes what the record file is still owed.
    public func drain() async throws {
        try desk.withLock { try $0?.finish() }
    }

    /// Closes the database and the record file.
    public func close() async {
        do {
            try desk.withLock { desk in
                defer { desk = nil }
                try desk?.release()
            }
        } catch {
            host.log(.error, "the meter's database was not closed in order: \(error)")
        }
        table.withLock { $0 = MeterTable() }
    }

    /// Adds facts about a flow, as its addresses name it: they appear in its records as `metadata`.
    ///
    /// It may come before the flow (the facts wait ten minutes for it) or while it is open; names
    /// that are there already are replaced. `source` is the client, both are `ip:port`; `protocol`
    /// is `tcp` or `udp`. False where an address or protocol is neither, a flow would have over 64
    /// names, or over 65,536 flows are awaited. Any thread may call it.
    @discardableResult
    public func updateMetadata(
        source: String, destination: String, protocol transport: String,
        metadata: [String: String]
    ) -> Bool {
        guard
            let key = ConnectionKey(client: source, destination: destination, transport: transport)
        else { return false }
        let now = host.wallMilliseconds()
        return table.withLock { $0.announce(metadata, for: key, now: now) }
    }

    /// Meters that are running: one per open flow.
    package var openMeters: Int { table.withLock { $0.count } }

    /// Calls a closure before every statement and around every write; tests end the process in it.
    /// Comes before `start`.
    package func onEachStep(_ step: @escaping @Sendable () -> Void) {
        probe.withLock { $0 = step }
    }
}

import Model
import PluginKit
import Storage
import Synchronization

/// Where batches become rows and records: one transaction, then one write.
///
/// ## Concurrency
/// Not `Sendable`; the plugin keeps it in a mutex. It takes the meter table's lock for moments.
final class RecordDesk {
    private let settings: WingMeterSettings
    private let host: PluginHost
    let store: UsageStore
    private let file: PromisedFile?
    private var reports: IntervalReports
    private var forgetAtMilliseconds: Int64

    /// Opens the database and the record file, and keeps its last promise.
    init(
        settings: WingMeterSettings, host: PluginHost, willRun: (@Sendable () -> Void)?
    ) throws {
        self.settings = settings
        self.host = host
        store = try UsageStore(
            path: settings.databasePath(stateDirectory: host.stateDirectory), guid: host.guid,
            boot: host.boot, destinations: settings.destinations, willRun: willRun)
        file = try settings.recordPath.map { [store] path in
            try PromisedFile(path: path, keeping: store.lastPromise(), willRun: willRun)
        }
        reports = IntervalReports(intervalMilliseconds: settings.intervalMilliseconds)
        // What a dead run left comes first.
        forgetAtMilliseconds = host.wallMilliseconds() + 60_000
    }

    /// Stores a batch and writes its records.
    func settle(_ batch: FlowBatch, with table: borrowing Mutex<MeterTable>) throws {
        try store(table) { work in
            var tally = UsageTally()
            for event in batch.events { try take(event, &work, &tally, table) }
            try store.add(tally)
        }
    }

    /// Does what time alone makes due: reports of an interval that has ended, retention. The
    /// result is whether anything was.
    func tick(with table: borrowing Mutex<MeterTable>) throws -> Bool {
        let now = host.wallMilliseconds()
        guard reports.isDue(atMilliseconds: now) || now >= forgetAtMilliseconds else {
            return false
        }
        try store(table) { work in report(at: now, &work, table) }
        return true
    }

    /// Runs `body` in a transaction, and writes what it makes once that is committed.
    private func store(
        _ table: borrowing Mutex<MeterTable>, _ body: (inout BatchWork) throws -> Void
    ) throws {
        // Records of the batch before come first, or the file would lack them for good.
        try file?.keepPromise()
        var work = BatchWork(reports: reports.draft())
        let promise = try store.transaction { () -> PromisedFile.Promise? in
            try body(&work)
            try forgetSome()
            guard let file, !work.lines.bytes.isEmpty else { return nil }
            let promise = try file.promise(work.lines.bytes)
            try store.store(promise)
            return promise
        }
        reports.keep(work.reports)
        table.withLock { table in
            for flow in work.ended { table.close(flow) }
            for (flow, count) in work.reported.values { table.setReports(count, of: flow) }
        }
        for line in work.log { host.log(.info, line) }
        if let promise { try file?.keep(promise) }
    }

    private func take(
        _ event: FlowEvent, _ work: inout BatchWork, _ tally: inout UsageTally,
        _ table: borrowing Mutex<MeterTable>
    ) throws {
        switch event {
        case .opened(let flow):
            let now = host.wallMilliseconds()
            table.withLock { $0.open(flow, now: now) }
        case .counted(let flow, let counts, let moment):
            guard isPlausible(flow, counts) else { return }
            let change = try store.take(
                UsageStore.Reading(
                    flow: flow, counts: counts, end: nil, atMilliseconds: moment,
                    isRecovered: false), &tally)
            guard settings.reportsIntervals, case .stored = change else { return }
            report(at: moment, &work, table)
            work.reports.note(
                flow, IntervalReports.Reading(counts: counts, atMilliseconds: moment))
        case .closed(let flow, let counts, let end, let moment):
            work.ended.append(flow)
            try finish(flow, counts, end, at: moment, isRecovered: false, &work, &tally, table)
        case .recovered(let flow, let counts, let end, let moment):
            try finish(flow, counts, end, at: moment, isRecovered: true, &work, &tally, table)
        }
    }

    private func finish(
        _ flow: FlowInfo, _ counts: FlowCounts, _ end: FlowEnd, at moment: Int64,
        isRecovered: Bool, _ work: inout BatchWork, _ tally: inout UsageTally,
        _ table: borrowing Mutex<MeterTable>
    ) throws {
        work.reports.forget(flow)
        if settings.reportsIntervals, !isRecovered { report(at: moment, &work, table) }
        guard isPlausible(flow, counts) else { return }
        let change = try store.take(
            UsageStore.Reading(
                flow: flow, counts: counts, end: end, atMilliseconds: moment,
                isRecovered: isRecovered), &tally)
        guard file != nil, case .stored = change else { return }
        var record = FlowRecord(of: flow, counts, end: end, atMilliseconds: moment)
        record.metadata = table.withLock { $0.metadata(of: flow.id) }
        record.write(to: &work.lines)
        work.lines.endLine()
    }

    /// Interval records of every flow that moved something in the interval before.
    private func report(
        at moment: Int64, _ work: inout BatchWork, _ table: borrowing Mutex<MeterTable>
    ) {
        for due in work.reports.takeDue(of: reports, atMilliseconds: moment) {
            let id = due.flow.id
            let sequence =
                (work.reported[id]?.count ?? table.withLock { $0.reports(of: due.flow) }) + 1
            work.reported[id] = (due.flow, sequence)
            var record = FlowRecord(
                of: due.flow, due.reading.counts, sequence: UInt64(sequence),
                atMilliseconds: due.reading.atMilliseconds)
            record.metadata = table.withLock { $0.metadata(of: id) }
            var json = JSONText()
            record.write(to: &json)
            if settings.logsReports { work.log.append("meter \(json.text)") }
            guard settings.recordsIntervals, file != nil else { continue }
            record.write(to: &work.lines)
            work.lines.endLine()
        }
    }

    /// Counts out of reach come from a damaged file; storing them would make money of noise.
    private func isPlausible(_ flow: FlowInfo, _ counts: FlowCounts) -> Bool {
        if counts.isPlausible { return true }
        host.log(.error, "flow \(flow.id) has impossible counts and is not stored: \(counts)")
        return false
    }

    /// Retention: once a minute, or with every batch while a lot is overdue.
    private func forgetSome() throws {
        let now = host.wallMilliseconds()
        guard now >= forgetAtMilliseconds else { return }
        let isMore = try store.forget(
            usageBefore: now - settings.retentionMilliseconds,
            flowsBefore: now - settings.flowRetentionMilliseconds)
        forgetAtMilliseconds = isMore ? now : now + 60_000
    }

    /// Writes what is owed, so that the next start has nothing to repeat.
    func finish() throws {
        guard let file else { return }
        try file.keepPromise()
        try file.synchronize()
        try store.clearPromise()
    }

    /// Ends the run's hold of the meter.
    func release() throws {
        try finish()
        try store.release()
    }
}

/// What a batch makes besides rows; used only if its transaction commits.
private struct BatchWork {
    var reports: IntervalReports.Draft
    var lines = JSONText()
    var log: [String] = []
    var ended: [FlowInfo] = []
    var reported: [FlowID: (flow: FlowInfo, count: UInt32)] = [:]
}

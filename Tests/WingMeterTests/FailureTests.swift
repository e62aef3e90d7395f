import Glibc
import Model
import PluginKit
import Storage
import Synchronization
import Testing

@testable import WingMeter

@Suite("When storing fails")
struct FailureTests {
    private let bench = Workbench()
    private let folder: Folder
    private var database: String { folder.file("usage.db") }

    init() throws { folder = try Folder() }

    private static func batch(_ sequence: UInt64, flows: Range<UInt64>) -> FlowBatch {
        FlowBatch(
            sequence: sequence,
            events: flows.map { number in
                .closed(
                    flow(number), FlowCounts(up: 1000, down: number), .finished,
                    atMilliseconds: Workbench.morning)
            })
    }

    @Test("for want of room, nothing of the batch is stored, and all of it once there is room")
    func diskFull() throws {
        let desk = try RecordDesk(
            settings: bench.settings(["flows": ["jsonl": .text(folder.file("f"))]]),
            host: bench.host(folder: folder.path), willRun: nil)
        let table = Mutex(MeterTable())
        try desk.settle(Self.batch(1, flows: 0..<10), with: table)
        let pages = try #require(try desk.store.database.integer("PRAGMA page_count"))
        try desk.store.database.execute("PRAGMA max_page_count = \(pages + 2)")
        let big = Self.batch(2, flows: 10..<500)
        for _ in 1...3 {
            let error = #expect(throws: DatabaseError.self) { try desk.settle(big, with: table) }
            #expect(error?.isDiskFull == true)
            #expect(try Ledger(path: database).total.flows == 10)
            #expect(Folder.lines(folder.file("f")).count == 10)
        }
        try desk.store.database.execute("PRAGMA max_page_count = 100000")
        try desk.settle(big, with: table)
        let ledger = try Ledger(path: database)
        #expect(ledger.total.flows == 500)
        #expect(ledger.total.counts == FlowCounts(up: 500_000, down: 499 * 500 / 2))
        #expect(ledger.total == ledger.totalOfFlows)
        #expect(Folder.lines(folder.file("f")).count == 500)
        try desk.release()
    }

    @Test("because somebody holds the database, it is said once, the batch waits and is stored")
    func locked() async throws {
        let meter = bench.meter([:], in: folder.path)
        try await meter.start()
        let other = try Database(path: database)
        try other.execute("BEGIN IMMEDIATE")
        for _ in 1...2 {
            await #expect(throws: DatabaseError.self) {
                _ = try await meter.observe(Self.batch(1, flows: 0..<3))
            }
        }
        try other.execute("ROLLBACK")
        _ = try await meter.observe(Self.batch(1, flows: 0..<3))
        _ = try await meter.observe(Self.batch(2, flows: 3..<4))
        #expect(try Ledger(path: database).total.flows == 4)
        #expect(bench.log.count == 2)
        #expect(
            bench.log.first?.hasPrefix("error: usage cannot be stored: BEGIN IMMEDIATE") == true)
        #expect(
            bench.log.last
                == "info: usage is stored again; 2 attempts had failed, what waited is stored")
        await meter.close()
    }

    @Test("because the record file takes no more, records come later, each once, in order")
    func recordFileFull() async throws {
        await #expect(processExitsWith: .success) {
            [folder = folder.path as String] in
            // The record file is long already, so that it is the only file to meet the bound.
            let (path, length) = ("\(folder)/f", 10_000_000)
            close(open(path, O_CREAT | O_WRONLY, 0o600))
            truncate(path, length)
            let meter = Workbench().meter(["flows": ["jsonl": .text(path)]], in: folder)
            try await meter.start()
            signal(SIGXFSZ, SIG_IGN)
            FailureTests.boundFiles(to: rlim_t(length + 1500))
            for _ in 1...3 {
                await #expect(throws: FileError.self) {
                    _ = try await meter.observe(FailureTests.batch(1, flows: 0..<20))
                }
            }
            FailureTests.boundFiles(to: rlim_t.max)
            _ = try await meter.observe(FailureTests.batch(1, flows: 0..<20))
            _ = try await meter.observe(FailureTests.batch(2, flows: 20..<25))
            await meter.close()
            let lines = Folder.lines(path).map { $0.drop { $0 == "\0" }.prefix(42) }
            let expected = (0..<25).map { "{\"flow\":\"\(flow(UInt64($0)).id)\"" }
            #expect(lines == expected.map { $0[...] })
            #expect(try Ledger(path: "\(folder)/usage.db").total.flows == 25)
        }
    }

    private static func boundFiles(to bytes: rlim_t) {
        var bound = rlimit(rlim_cur: bytes, rlim_max: rlim_t.max)
        let result = setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &bound)
        #expect(result == 0)
    }

    @Test("a meter that is not running stores nothing and says so")
    func notRunning() async throws {
        let meter = bench.meter([:], in: folder.path)
        await #expect(throws: WingMeterError.self) {
            _ = try await meter.observe(Self.batch(1, flows: 0..<1))
        }
        #expect(bench.log.count == 1)
        await meter.close()
    }

    @Test("reports come at once, then once a minute, then when it works again")
    func report() {
        var report = FaultReport()
        let error = WingMeterError.isNotRunning
        #expect(report.worked() == nil)
        #expect(report.failed(error, now: 0) != nil)
        #expect(report.failed(error, now: 59_999) == nil)
        #expect(report.failed(error, now: 60_000) != nil)
        #expect(report.failed(error, now: 60_001) == nil)
        #expect(report.worked()?.contains("4 attempts") == true)
        #expect(report.worked() == nil)
        #expect(report.failed(error, now: 60_002) != nil)
    }

    @Test("a start tells what is wrong with the database")
    func startFails() async throws {
        let noise = bench.meter(["store": ["sqlite": "/dev/null/x.db"]], in: folder.path)
        await #expect(throws: DatabaseError.self) { try await noise.start() }
        await noise.close()
        let meter = bench.meter([:], in: folder.path)
        try await meter.start()
        await meter.close()
        let other = try Database(path: database)
        try other.execute("UPDATE weir_schema SET version = 99")
        let error = await #expect(throws: SchemaError.self) {
            try await bench.meter([:], in: folder.path, boot: 2).start()
        }
        #expect(error == .newer(schema: "wing-meter", found: 99, known: 2))
    }
}

import Chance
import Glibc
import PluginKit
import Storage
import Testing

/// A real process dies by a real SIGKILL; what it had committed is there, what it had not is not.
@Suite("After kill -9", .timeLimit(.minutes(2)))
struct KillTests {
    private let folder = Folder()

    @Test("all transactions that returned are whole, at most one more is, none is in part")
    func transactions() async throws {
        let (path, progress) = (folder.file("k.db"), folder.file("progress"))
        var random = SplitMix64(seed: 7)
        for round in 1...25 {
            let microseconds = UInt32.random(in: 500...30_000, using: &random)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [
                    path = path as String, progress = progress as String,
                    microseconds = microseconds as UInt32
                ] in
                try KillTests.commitUntilKilled(path, progress, after: microseconds)
            }
            let committed = Folder.contents(progress).count
            let database = try Database(path: path)
            let pairs = try database.rows("SELECT a.i, b.i FROM a FULL JOIN b ON a.i = b.i") {
                row in !row.isNull(0) && !row.isNull(1)
            }
            #expect(pairs.allSatisfy { $0 }, "round \(round)")
            #expect(pairs.count - committed <= round && pairs.count >= committed, "round \(round)")
            #expect(try database.rows("PRAGMA integrity_check") { $0.text(0) } == ["ok"])
        }
        #expect(Folder.contents(progress).count > 25, "the processes died before they worked")
    }

    /// Commits pairs of rows and writes a byte for each commit that returned.
    private static func commitUntilKilled(
        _ path: String, _ progress: String, after microseconds: UInt32
    ) throws {
        let database = try Database(path: path)
        try database.migrate(
            Schema(
                name: "kill",
                migrations: [
                    Migration("a and b", ["CREATE TABLE a (i)", "CREATE TABLE b (i)"])
                ]))
        let file = open(progress, O_WRONLY | O_APPEND | O_CREAT, 0o600)
        killThisProcess(after: microseconds)
        while true {
            try database.transaction {
                try database.execute(
                    "INSERT INTO a SELECT coalesce(max(i), 0) + 1 FROM a")
                try database.execute(
                    "INSERT INTO b SELECT coalesce(max(i), 0) + 1 FROM b")
            }
            _ = write(file, "x", 1)
        }
    }
}

/// Sends SIGKILL to this process from another thread, later.
private func killThisProcess(after microseconds: UInt32) {
    var thread = pthread_t()
    let delay = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    delay.initialize(to: microseconds)
    pthread_create(
        &thread, nil,
        { delay in
            if let delay { usleep(delay.load(as: UInt32.self)) }
            kill(getpid(), SIGKILL)
            return nil
        }, delay)
}

import Chance
import FoundationEssentials
import Glibc
import Model
import Testing

@testable import WingMeter

/// Real processes die by real SIGKILLs, at every statement and around every write to the record
/// file, and are started again on the same files.
@Suite("After kill -9 of the gateway", .timeLimit(.minutes(5)))
struct CrashTests {
    @Test("every flow is counted and recorded exactly once, at whichever step the process died")
    func everyStep() async throws {
        var step = 0
        var hasEnded = false
        while !hasEnded, step < 1000 {
            step += 1
            let folder = try Folder()
            var lives = Lives(seed: 11, batchesPerLife: 3)
            try await lives.live(in: folder.path, dyingAtStep: nil)
            lives.end(acknowledged: lives.progress(in: folder.path))
            hasEnded = try await life(&lives, in: folder, dyingAtStep: step)
            try await check(&lives, in: folder, "step \(step)")
        }
        #expect(step > 40, "the life had \(step) steps")
    }

    @Test("and after many deaths in a row", arguments: 1...4 as ClosedRange<UInt64>)
    func manyDeaths(_ seed: UInt64) async throws {
        let folder = try Folder()
        var lives = Lives(seed: seed)
        var random = SplitMix64(seed: seed)
        for _ in 1...8 {
            let step = Int.random(in: 1...120, using: &random)
            _ = try await life(&lives, in: folder, dyingAtStep: step)
        }
        try await check(&lives, in: folder, "seed \(seed)")
    }

    /// A life in a child process that dies at a step, or at its end; whether it came to its end.
    private func life(
        _ lives: inout Lives, in folder: Folder, dyingAtStep step: Int
    ) async throws -> Bool {
        let ended = folder.file("ended-\(lives.boot)")
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [
                seed = lives.seed as UInt64, count = lives.batchesPerLife as Int,
                history = lives.acknowledged as [Int], folder = folder.path as String,
                ended = ended as String, step = step as Int
            ] in
            var lives = Lives(seed: seed, batchesPerLife: count)
            for acknowledged in history { lives.end(acknowledged: acknowledged) }
            try await lives.live(in: folder, dyingAtStep: step)
            close(open(ended, O_CREAT | O_WRONLY, 0o600))
            kill(getpid(), SIGKILL)
        }
        lives.end(acknowledged: lives.progress(in: folder.path))
        return FileManager.default.fileExists(atPath: ended)
    }

    /// A last life in peace; then database and records must say what was true.
    private func check(_ lives: inout Lives, in folder: Folder, _ comment: Comment) async throws {
        try await lives.live(in: folder.path, dyingAtStep: nil)
        lives.end(acknowledged: lives.progress(in: folder.path))
        let ledger = try Ledger(path: folder.file("usage.db"))
        #expect(ledger.total == ledger.totalOfFlows, comment)
        #expect(ledger.flows.count == lives.flows.values.filter { $0.isCounted }.count, comment)
        for known in lives.flows.values where known.isCounted {
            let stored = ledger.flows[known.flow.id.bytes]
            #expect(stored?.counts == known.counts, comment)
            #expect(stored?.isClosed == known.isSettled, comment)
        }
        let records = try Folder.lines(folder.file("flows.jsonl")).map {
            try JSONDecoder().decode(Record.self, from: Data($0.utf8))
        }
        var ends: [String: [Record]] = [:]
        for record in records where record.seq == nil {
            ends[record.flow, default: []].append(record)
        }
        let settled = lives.flows.values.filter(\.isSettled)
        #expect(ends.count == settled.count, comment)
        for known in settled {
            let found = ends[known.flow.id.description] ?? []
            #expect(found.map(\.uplink_bytes) == [known.counts.uplinkBytes], comment)
            #expect(found.map(\.downlink_bytes) == [known.counts.downlinkBytes], comment)
        }
    }

    /// What the test reads of a line of the record file.
    private struct Record: Decodable {
        let flow: String
        let seq: UInt64?
        let uplink_bytes: UInt64
        let downlink_bytes: UInt64
    }
}

import Assembly
import Inbound
import LinuxIO
import PluginKit
import Synchronization
import Testing

@Suite("Log lines")
struct LogLineTests {
    /// Collects what the writer writes.
    private final class Sink: Sendable {
        private let bytes = Mutex<[UInt8]>([])

        func add(_ new: [UInt8]) { bytes.withLock { $0 += new } }

        var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
    }

    private func lines(
        _ format: LogWriter.Format, threshold: LogLevel = .info, _ body: (Journal) -> Void
    ) throws -> [String] {
        let sink = Sink()
        let writer = try LogWriter(
            format: format, threshold: threshold, wallMilliseconds: { 1_763_630_274_000 },
            sink: { sink.add($0) })
        body(writer.journal)
        writer.close()
        return sink.text.split(separator: "\n").map(String.init)
    }

    @Test func `text is for people: time, level, event, fields`() throws {
        let found = try lines(.text) { journal in
            journal(.warn, "target failed", [("service", "web"), ("reason", "timed out")])
        }
        #expect(
            found == [
                #"2025-11-20T09:17:54.000Z warn target failed service=web reason="timed out""#
            ])
    }

    @Test func `JSON is for programs: one object in a line, gost's names first`() throws {
        let found = try lines(.json) { journal in
            journal(.info, "ready", [("boot", "0f")])
        }
        #expect(
            found == [
                #"{"level":"info","msg":"ready","time":"2025-11-20T09:17:54.000Z","boot":"0f"}"#
            ])
    }

    @Test(
        "foreign text never leaves its line or reaches a terminal's controls",
        arguments: ["a\nb", "a\u{1b}[2Jb", "a\u{9b}b", "a\u{202e}b", "a\rb", "a\u{7f}b"])
    func escapes(_ foreign: String) throws {
        for format in [LogWriter.Format.text, .json] {
            let found = try lines(format) { $0(.info, "login refused", [("user", foreign)]) }
            #expect(found.count == 1)
            let controls = found.joined().unicodeScalars.filter {
                $0.value < 0x20 || (0x7f...0x9f).contains($0.value)
            }
            #expect(controls.isEmpty)
        }
    }

    @Test func `lines below the level are not written, nor their fields made`() throws {
        var made = 0
        func costly() -> [Journal.Field] {
            made += 1
            return []
        }
        let found = try lines(.text, threshold: .warn) { journal in
            journal(.info, "unseen", costly())
            journal(.error, "seen")
        }
        #expect(found.count == 1)
        #expect(made == 0)
    }

    @Test func `a sink that blocks stalls nobody, and lost lines are counted`() throws {
        let gate = Semaphore()
        let sink = Sink()
        let writer = try LogWriter(
            format: .text, threshold: .info, wallMilliseconds: { 0 },
            sink: { line in
                gate.wait()
                sink.add(line)
                gate.post()
            })
        let long = String(repeating: "x", count: 100_000)
        for _ in 0..<100 { writer.journal(.info, long) }
        gate.post()
        writer.close()
        #expect(sink.text.contains("log lines were dropped lines="))
    }
}

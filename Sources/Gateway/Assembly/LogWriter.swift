import Configuration
package import Inbound
import LinuxIO
import Model
package import PluginKit
import Synchronization

/// Writes log lines on a thread of its own: a log that nobody reads never stalls a loop.
///
/// Lines beyond `Limits.logBytes` that wait are dropped, and how many is said.
///
/// ## Concurrency
/// Any thread may write; a lock protects the text that waits.
package final class LogWriter: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var dropped = 0
        var isClosed = false
        var format: Format
        var sink: @Sendable ([UInt8]) -> Void
    }

    /// How lines look.
    package enum Format: Sendable {
        /// For people.
        case text
        /// For programs.
        case json
    }

    private let state: Mutex<State>
    private let signal = Semaphore()
    private let finished = Semaphore()
    private let threshold: LogThreshold
    private let wallMilliseconds: @Sendable () -> Int64

    /// A writer to a sink; `sink` is called on the writer's thread and may block.
    package init(
        format: Format, threshold: LogLevel, wallMilliseconds: @escaping @Sendable () -> Int64,
        sink: @escaping @Sendable ([UInt8]) -> Void
    ) throws {
        state = Mutex(State(format: format, sink: sink))
        self.threshold = LogThreshold(threshold)
        self.wallMilliseconds = wallMilliseconds
        try Thread(name: "weir-log") { self.work() }.detach()
    }

    /// Lines have another form, level and place from now on; of those that wait, the place.
    package func change(
        format: Format, threshold: LogLevel, sink: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.threshold.set(threshold)
        state.withLock { state in
            state.format = format
            state.sink = sink
        }
    }

    private var format: Format { state.withLock { $0.format } }

    /// The journal that writes here.
    package var journal: Journal {
        Journal(threshold: threshold) { level, event, fields in
            self.write(level, event, fields)
        }
    }

    /// Whether lines are JSON.
    package var isJSON: Bool {
        switch format {
        case .json: true
        case .text: false
        }
    }

    private func write(_ level: LogLevel, _ event: String, _ fields: [Journal.Field]) {
        let line = LogLine(
            milliseconds: wallMilliseconds(), level: level, event: event, fields: fields)
        switch format {
        case .text:
            append(Array(line.text.utf8))
        case .json:
            var json = JSONText()
            line.json(&json)
            append(json.bytes)
        }
    }

    /// Appends a whole line, its end included.
    func append(_ line: [UInt8]) {
        let wasEmpty = state.withLock { state in
            guard state.waiting.count + line.count <= Limits.logBytes else {
                state.dropped += 1
                return false
            }
            state.waiting += line
            return state.waiting.count == line.count
        }
        if wasEmpty { signal.post() }
    }

    /// Writes what waits and ends the thread; a reader that does not read is not waited for.
    package func close() {
        state.withLock { $0.isClosed = true }
        signal.post()
        _ = finished.wait(milliseconds: Limits.logCloseMilliseconds)
    }

    private func work() {
        while true {
            signal.wait()
            let (text, dropped, isClosed, sink) = state.withLock { state in
                let taken = (state.waiting, state.dropped, state.isClosed, state.sink)
                state.waiting = []
                state.dropped = 0
                return taken
            }
            if !text.isEmpty { sink(text) }
            if dropped > 0 {
                write(.warn, "log lines were dropped", [("lines", String(dropped))])
            }
            if isClosed && state.withLock({ $0.waiting.isEmpty }) { return finished.post() }
        }
    }
}

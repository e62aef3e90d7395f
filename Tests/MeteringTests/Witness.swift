import Loop
import Model
import PluginKit
import Synchronization

/// An observer that keeps what it is offered, and is slow or fails when a test says so.
final class Witness: FlowObserver {
    struct Trouble: Error {}

    private struct State {
        var offered: [FlowBatch] = []
        var taken: [FlowBatch] = []
        var failures = 0
        var pauseMilliseconds: UInt64 = 0
        var rule: @Sendable (FlowEvent) -> Verdict? = { _ in nil }
    }

    private let state = Mutex(State())
    private let worker: EventLoop
    private let name: String
    private let diary: Witnesses?

    init(on worker: EventLoop, name: String = "", diary: Witnesses? = nil) {
        self.worker = worker
        self.name = name
        self.diary = diary
    }

    /// How many of the next offers fail.
    func fail(_ times: Int) { state.withLock { $0.failures = times } }
    /// How long each offer takes.
    func rest(milliseconds: UInt64) { state.withLock { $0.pauseMilliseconds = milliseconds } }
    /// What to rule about each event.
    func rule(_ rule: @escaping @Sendable (FlowEvent) -> Verdict?) {
        state.withLock { $0.rule = rule }
    }

    /// Every batch as it was offered, repeated ones too.
    var offered: [FlowBatch] { state.withLock { $0.offered } }
    /// Every batch that it took.
    var taken: [FlowBatch] { state.withLock { $0.taken } }
    /// The events of the batches that it took.
    var events: [FlowEvent] { taken.flatMap(\.events) }
    /// These events as text.
    var lines: [String] { events.map(Self.describe) }

    func observe(_ batch: FlowBatch) async throws -> [FlowRuling] {
        diary?.write(name)
        let (pause, fails, rule) = state.withLock { state in
            state.offered.append(batch)
            let fails = state.failures > 0
            if fails { state.failures -= 1 }
            return (state.pauseMilliseconds, fails, state.rule)
        }
        if pause > 0 { await worker.sleep(nanoseconds: pause * 1_000_000) }
        if fails { throw Trouble() }
        state.withLock { $0.taken.append(batch) }
        return batch.events.compactMap { event in
            rule(event).map { FlowRuling(flow: event.flow.id, verdict: $0) }
        }
    }

    static func describe(_ event: FlowEvent) -> String {
        let number = event.flow.id.low
        return switch event {
        case .opened: "opened \(number)"
        case .counted(_, let counts, _): "counted \(number): \(counts.uplinkBytes)"
        case .closed(_, let counts, let end, _):
            "closed \(number): \(counts.uplinkBytes) \(end.cause.name)"
        case .recovered(_, let counts, let end, _):
            "recovered \(number): \(counts.uplinkBytes) \(end.cause.name)"
        }
    }
}

/// Who was asked or told in which order.
final class Witnesses: Sendable {
    private let state = Mutex<[String]>([])

    func write(_ line: String) { state.withLock { $0.append(line) } }
    var lines: [String] { state.withLock { $0 } }
}

/// Checks what one observer saw: per flow opened first, counts that never shrink, closed once and
/// last; and returns each closed flow's uplink bytes.
func checkedTotals(
    of events: [FlowEvent], _ complain: (String) -> Void
) -> [UInt64: UInt64] {
    var open: [UInt64: UInt64] = [:]
    var closed: [UInt64: UInt64] = [:]
    for event in events {
        let number = event.flow.id.low
        switch event {
        case .opened:
            if open.updateValue(0, forKey: number) != nil || closed[number] != nil {
                complain("\(number) opened twice")
            }
        case .counted(_, let counts, _):
            guard let before = open.updateValue(counts.uplinkBytes, forKey: number),
                before <= counts.uplinkBytes
            else {
                complain("\(number) counted before it opened, after it closed, or backwards")
                continue
            }
        case .closed(_, let counts, _, _), .recovered(_, let counts, _, _):
            guard let before = open.removeValue(forKey: number), before <= counts.uplinkBytes,
                closed.updateValue(counts.uplinkBytes, forKey: number) == nil
            else {
                complain("\(number) closed before it opened, twice, or with less than counted")
                continue
            }
        }
    }
    if !open.isEmpty { complain("never closed: \(open.keys.sorted())") }
    return closed
}

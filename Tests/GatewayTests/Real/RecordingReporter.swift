import LinuxIO
import PluginKit
import Synchronization

/// A plain reporter that remembers every callback, and whether two came at once.
final class RecordingReporter: TrafficStatsReporter {
    /// One callback.
    enum Call: Equatable, Sendable {
        case start(String, source: String, destination: String)
        case packet(String, String, source: String, destination: String, byteCount: Int)
        case end(String, source: String, destination: String)
    }

    private struct State {
        var calls: [Call] = []
        var running = 0
        var overlaps = 0
    }

    private let state = Mutex(State())
    private let gate: Semaphore?

    /// A reporter; one that is `blocked` waits in its first packet until `release`.
    init(blocked: Bool = false) { gate = blocked ? Semaphore() : nil }

    /// Every callback in order.
    var calls: [Call] { state.withLock { $0.calls } }
    /// How often a callback began while another ran.
    var overlaps: Int { state.withLock { $0.overlaps } }
    /// How many flows have ended.
    var endCount: Int { calls.count { if case .end = $0 { true } else { false } } }
    /// How many flows have started.
    var startCount: Int { calls.count { if case .start = $0 { true } else { false } } }

    /// Payload bytes of one direction.
    func bytes(_ direction: String) -> Int {
        calls.reduce(0) { sum, call in
            if case .packet(_, direction, _, _, let count) = call { sum + count } else { sum }
        }
    }

    /// Packets of one direction.
    func packets(_ direction: String) -> Int {
        calls.count { if case .packet(_, direction, _, _, _) = $0 { true } else { false } }
    }

    /// Lets a blocked reporter go on for good.
    func release() { gate?.post() }

    private func take(_ call: Call) {
        state.withLock { state in
            if state.running > 0 { state.overlaps += 1 }
            state.running += 1
        }
        if let gate, case .packet = call {
            gate.wait()
            gate.post()
        }
        state.withLock { state in
            state.calls.append(call)
            state.running -= 1
        }
    }

    func onPacket(
        _ protocol: String, direction: String, source: String, destination: String, byteCount: Int
    ) {
        take(
            .packet(
                `protocol`, direction, source: source, destination: destination,
                byteCount: byteCount))
    }

    func onConnectionStart(_ protocol: String, source: String, destination: String) {
        take(.start(`protocol`, source: source, destination: destination))
    }

    func onConnectionEnd(_ protocol: String, source: String, destination: String) {
        take(.end(`protocol`, source: source, destination: destination))
    }
}

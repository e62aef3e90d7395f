import KernelTesting
import LinuxIO
import Loop

/// What happened on a loop, in order.
///
/// ## Concurrency
/// One thread: the test's, which drives the loop.
final class Diary {
    private(set) var lines: [String] = []

    func write(_ line: String) { lines.append(line) }

    /// The lines so far; forgets them.
    func take() -> [String] {
        defer { lines = [] }
        return lines
    }
}

/// Handles everything that a loop tells, with closures.
///
/// ## Concurrency
/// One thread: the test's, which drives the loop.
final class Ear: ReadinessHandler, TimerHandler, Resumable {
    var onReady: (Readiness, UInt8) -> Void = { _, _ in }
    var onTimer: (UInt8) -> Void = { _ in }
    var onResume: () -> Void = {}

    func descriptorReady(_ readiness: Readiness, tag: UInt8) { onReady(readiness, tag) }
    func timerFired(tag: UInt8) { onTimer(tag) }
    func resume() { onResume() }
}

extension EventLoop {
    /// Starts asynchronous work in a turn of this loop, which the calling thread drives.
    func begin(_ work: @escaping () async -> Void) {
        perform { $0.start(work) }
    }
}

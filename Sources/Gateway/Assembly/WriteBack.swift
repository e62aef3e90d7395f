import LinuxIO
import Loop
import Synchronization

/// Brings meter files to storage on a thread of its own: a disk whose queue is full makes even the
/// start of it wait, and a loop must not.
///
/// ## Concurrency
/// Any loop may ask; a lock protects the list. The thread begins with the first request and lives
/// as long as the process.
final class WriteBack: Sendable {
    private struct State {
        var waiting: [LoopConfined<MappedRegion>] = []
        var hasThread = false
    }

    private let state = Mutex(State())
    private let signal = Semaphore()

    /// Asks for a file. One that waits already is not asked for twice.
    func start(_ region: MappedRegion) {
        let mustBegin = state.withLock { state in
            guard !state.waiting.contains(where: { $0.value === region }) else { return false }
            state.waiting.append(LoopConfined(region))
            defer { state.hasThread = true }
            return !state.hasThread
        }
        if mustBegin { begin() }
        signal.post()
    }

    private func begin() {
        // Without a thread the kernel writes back at its own pace.
        try? Thread(name: "weir-write-back") { self.work() }.detach()
    }

    private func work() {
        while true {
            signal.wait()
            let next = state.withLock { state in
                state.waiting.isEmpty ? nil : state.waiting.removeFirst()
            }
            // Only the descriptor is used, which lives as long as the region. A failure shows again
            // when a batch is stored; the counters in memory stay right.
            try? next?.value.startWriteBack()
        }
    }
}

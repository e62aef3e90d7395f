import Foundation
import Synchronization
import Testing

/// Runs each test of a suite on a thread of its own, a few at a time.
///
/// These tests block in system calls; on the shared pool they would starve every other suite. A
/// thread of its own can also leave the common namespaces (see `Namespaces`) and take them with
/// it when it ends.
struct OwnThread: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        await Gate.shared.enter()
        let thread = ThreadExecutor()
        let result: Result<Void, any Error>
        do {
            try await withTaskExecutorPreference(thread) { try await function() }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        thread.finish()
        await Gate.shared.leave()
        try result.get()
    }
}

extension Trait where Self == OwnThread {
    /// Each test on a thread of its own.
    static var ownThread: OwnThread { OwnThread() }
}

/// Lets a few tests run at once: two cores serve the gateways, their clients and their origins.
private actor Gate {
    static let shared = Gate(permits: 4)

    private var permits: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(permits: Int) { self.permits = permits }

    func enter() async {
        if permits > 0 {
            permits -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
        if waiting.isEmpty {
            permits += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}

/// One thread that runs the jobs of one test in order.
///
/// ## Concurrency
/// `enqueue` and `finish` from any thread; the condition guards the state.
private final class ThreadExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isFinished = false
    }

    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)

    init() {
        let thread = Thread { [self] in work() }
        thread.stackSize = 8 << 20
        thread.start()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
        wake.signal()
    }

    func finish() {
        state.withLock { $0.isFinished = true }
        wake.signal()
    }

    private func work() {
        while true {
            wake.wait()
            let (job, isFinished) = state.withLock { state in
                (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isFinished)
            }
            if let job {
                job.runSynchronously(on: asUnownedTaskExecutor())
            } else if isFinished {
                return
            }
        }
    }
}

/// Asynchronous conveniences for code that runs on a loop.
extension EventLoop {
    /// Starts asynchronous work that uses objects of this loop. Call it on the loop: the work runs
    /// at once up to its first wait, and never leaves the loop's thread.
    package func start(_ operation: @escaping () async -> Void) {
        precondition(isCurrent, "work on a loop's objects was started off the loop")
        // Safe: the task's executor is this loop, so the closure's captures never change thread.
        nonisolated(unsafe) let confined = operation
        Task.immediate(executorPreference: self) { await confined() }
    }

    /// Lets everything else have its turn first.
    package func nextTurn() async {
        await withUnsafeContinuation { resumeLater(NextTurn($0)) }
    }

    /// Waits without holding anything up.
    package func sleep(nanoseconds: UInt64) async {
        await withUnsafeContinuation { continuation in
            _ = arm(afterNanoseconds: nanoseconds, Alarm(continuation))
        }
    }
}

/// Resumes one waiting task in the loop's next turn.
private final class NextTurn: Resumable {
    private let continuation: UnsafeContinuation<Void, Never>

    init(_ continuation: UnsafeContinuation<Void, Never>) { self.continuation = continuation }

    func resume() { continuation.resume() }
}

/// Resumes one waiting task when its timer fires.
private final class Alarm: TimerHandler {
    private let continuation: UnsafeContinuation<Void, Never>

    init(_ continuation: UnsafeContinuation<Void, Never>) { self.continuation = continuation }

    func timerFired(tag: UInt8) { continuation.resume() }
}

/// Work on a loop from elsewhere, with its result.
extension EventLoop {
    /// Runs a closure on this loop and returns its value to the caller's own executor.
    package func perform<Value: Sendable>(
        _ body: @escaping @Sendable (EventLoop) -> Value
    ) async -> Value {
        await withUnsafeContinuation { continuation in
            execute { continuation.resume(returning: body($0)) }
        }
    }

    /// Runs asynchronous work on this loop and returns what came of it.
    package func call<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) async -> Result<Value, any Error> {
        await withUnsafeContinuation { continuation in
            spawn { _ in
                do {
                    continuation.resume(returning: .success(try await operation()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
    }
}

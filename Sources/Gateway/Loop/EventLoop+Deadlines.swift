/// What came of asking another loop.
package enum Answer<Value: Sendable>: Sendable {
    /// It answered.
    case value(Value)
    /// It threw, or did not answer in time; why, in words.
    case failed(String)
}

/// Waiting with a deadline.
extension EventLoop {
    /// Runs asynchronous work on another loop and waits for its answer so long; a later answer is
    /// dropped. Call it on this loop.
    package func ask<Value: Sendable>(
        _ other: EventLoop, withinNanoseconds limit: UInt64,
        _ question: @escaping @Sendable () async throws -> Value
    ) async -> Answer<Value> {
        await withUnsafeContinuation { continuation in
            let pending = Pending<Answer<Value>>(
                continuation, late: .failed("no answer in time"))
            pending.timer = arm(afterNanoseconds: limit, pending)
            let (home, box) = (self, LoopConfined(pending))
            other.spawn { _ in
                let answer: Answer<Value>
                do {
                    answer = .value(try await question())
                } catch {
                    answer = .failed("\(error)")
                }
                home.execute { _ in box.value.finish(answer, on: home) }
            }
        }
    }

    /// Calls `begin` with a closure and waits so long until that is called, on this loop. The
    /// result is whether it was.
    package func wait(
        nanoseconds limit: UInt64, _ begin: (@escaping () -> Void) -> Void
    ) async -> Bool {
        await withUnsafeContinuation { continuation in
            let pending = Pending<Bool>(continuation, late: false)
            pending.timer = arm(afterNanoseconds: limit, pending)
            begin { [self] in pending.finish(true, on: self) }
        }
    }
}

/// A wait that ends with its answer or its deadline, whichever comes first.
///
/// ## Concurrency
/// Confined to the loop that waits.
private final class Pending<Value: Sendable>: TimerHandler {
    var timer = TimerToken.none
    private var continuation: UnsafeContinuation<Value, Never>?
    private let late: Value

    init(_ continuation: UnsafeContinuation<Value, Never>, late: Value) {
        self.continuation = continuation
        self.late = late
    }

    func finish(_ value: Value, on loop: EventLoop) {
        loop.cancel(timer)
        end(value)
    }

    func timerFired(tag: UInt8) { end(late) }

    private func end(_ value: Value) {
        continuation?.resume(returning: value)
        continuation = nil
    }
}

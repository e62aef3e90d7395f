import Loop
import Model

/// What came of asking a plugin.
enum PluginAnswer<Value: Sendable>: Sendable {
    /// It answered.
    case value(Value)
    /// It threw, or did not answer in time.
    case failed(String)
}

extension Station {
    /// Asks a plugin on its own thread; a late answer is dropped.
    func ask<Value: Sendable>(
        _ worker: EventLoop, _ question: @escaping @Sendable () async throws -> Value
    ) async -> PluginAnswer<Value> {
        await withUnsafeContinuation { continuation in
            let pending = PendingAnswer<Value>(continuation)
            pending.timer = loop.arm(
                afterNanoseconds: UInt64(Limits.pluginAnswerMilliseconds) * 1_000_000, pending)
            let (home, box) = (loop, LoopConfined(pending))
            worker.spawn { _ in
                let answer: PluginAnswer<Value>
                do {
                    answer = .value(try await question())
                } catch {
                    answer = .failed("\(error)")
                }
                home.execute { home in
                    home.cancel(box.value.timer)
                    box.value.finish(answer)
                }
            }
        }
    }
}

/// A question that waits for its answer or its deadline, whichever comes first.
private final class PendingAnswer<Value: Sendable>: TimerHandler {
    var timer = TimerToken.none
    private var continuation: UnsafeContinuation<PluginAnswer<Value>, Never>?

    init(_ continuation: UnsafeContinuation<PluginAnswer<Value>, Never>) {
        self.continuation = continuation
    }

    func finish(_ answer: PluginAnswer<Value>) {
        continuation?.resume(returning: answer)
        continuation = nil
    }

    func timerFired(tag: UInt8) { finish(.failed("it did not answer in time")) }
}

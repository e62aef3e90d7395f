package import LinuxIO
import Synchronization

/// A few threads for calls that block: `getaddrinfo`, password hashing, files. The result comes
/// back to the task's own executor.
///
/// ## Concurrency
/// Any thread may call `run`. A lock protects the queue; the queue is bounded, and a full one
/// refuses at once instead of growing.
package final class BlockingPool: Sendable {
    /// Why work was not done.
    package enum Refusal: Error, Sendable {
        /// Too much waits already.
        case overloaded
        /// The pool was shut down.
        case stopped
    }

    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    private let signal = Semaphore()
    private let capacity: Int
    private let isInline: Bool

    /// A pool of `threads` threads; at most `capacity` calls wait. With no threads calls are made
    /// at once by whoever asks: for simulations, which have one thread.
    package init(threads: Int, capacity: Int) throws(Errno) {
        self.capacity = capacity
        isInline = threads == 0
        for number in 0..<threads {
            try Thread(name: "weir-pool-\(number)") { self.work() }.detach()
        }
    }

    private func work() {
        while true {
            signal.wait()
            let next: (@Sendable () -> Void)? = state.withLock { state in
                state.waiting.isEmpty ? nil : state.waiting.removeFirst()
            }
            if let next {
                next()
            } else if state.withLock({ $0.isStopped }) {
                signal.post()
                return
            }
        }
    }

    /// Runs a blocking call on the pool and returns its result.
    package func run<Value: Sendable>(
        _ call: @escaping @Sendable () -> Value
    ) async throws(Refusal) -> Value {
        if isInline {
            if state.withLock({ $0.isStopped }) { throw .stopped }
            return call()
        }
        let result: Result<Value, Refusal> = await withUnsafeContinuation { continuation in
            let refusal: Refusal? = state.withLock { state in
                if state.isStopped { return .stopped }
                if state.waiting.count >= capacity { return .overloaded }
                state.waiting.append { continuation.resume(returning: .success(call())) }
                return nil
            }
            if let refusal {
                continuation.resume(returning: .failure(refusal))
            } else {
                signal.post()
            }
        }
        return try result.get()
    }

    /// Finishes what waits and ends the threads.
    package func stop() {
        state.withLock { $0.isStopped = true }
        signal.post()
    }
}

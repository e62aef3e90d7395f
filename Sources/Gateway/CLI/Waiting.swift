import LinuxIO
import Synchronization

/// Waits on the main thread for asynchronous work elsewhere.
enum Waiting {
    /// Runs asynchronous work and blocks the calling thread until it is done.
    static func result<Value: Sendable>(
        of work: @escaping @Sendable () async -> Value
    ) -> Value {
        let slot = Slot<Value>()
        let done = Semaphore()
        // The one place for a bare task: the command line has no loop of its own.
        _ = Task.detached {
            slot.set(await work())
            done.post()
        }
        done.wait()
        return slot.take()
    }

    /// One value on its way from a task to the waiting thread.
    private final class Slot<Value: Sendable>: Sendable {
        private let value = Mutex<Value?>(nil)

        func set(_ new: Value) { value.withLock { $0 = new } }

        func take() -> Value {
            guard let value = value.withLock({ $0 }) else {
                preconditionFailure("the work ended without a value")
            }
            return value
        }
    }
}

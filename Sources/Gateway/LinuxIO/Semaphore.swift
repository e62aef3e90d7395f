import Glibc

/// A counting semaphore between threads.
///
/// ## Concurrency
/// Any thread may call it; the semaphore itself is what synchronises, hence `@unchecked Sendable`.
package final class Semaphore: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    package init() {
        semaphore = .allocate(capacity: 1)
        let result = sem_init(semaphore, 0, 0)
        precondition(result == 0, "sem_init refuses a value of 0")
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    /// Lets one `wait` through, now or later.
    package func post() { sem_post(semaphore) }

    /// Blocks until a `post` that nobody used yet, or so long; whether there was one.
    package func wait(milliseconds: Int) -> Bool {
        var end = timespec()
        clock_gettime(CLOCK_REALTIME, &end)
        let nanoseconds = end.tv_nsec + milliseconds % 1000 * 1_000_000
        end.tv_sec += milliseconds / 1000 + nanoseconds / 1_000_000_000
        end.tv_nsec = nanoseconds % 1_000_000_000
        while sem_timedwait(semaphore, &end) != 0 {
            if errno != EINTR { return false }
        }
        return true
    }

    /// Blocks until a `post` that nobody used yet.
    package func wait() {
        // Only a signal handler can end the wait early, and then it goes on.
        while sem_wait(semaphore) != 0 {}
    }
}

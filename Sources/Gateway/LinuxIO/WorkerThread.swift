import CLinux
import Glibc

/// Starts threads that the gateway owns: loops, workers of plugins, the blocking pool.
package enum WorkerThread {
    /// Runs `body` on a new detached thread. The name (at most 15 bytes are kept) shows in tools.
    package static func start(name: String, _ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Body(name: name, run: body)).toOpaque()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        defer { pthread_attr_destroy(&attributes) }
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                weir_thread_set_name(body.name)
                body.run()
                return nil
            }, box)
        precondition(code == 0, "the kernel refuses another thread")
    }

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }
}

/// A counting semaphore between threads.
///
/// ## Concurrency
/// Any thread may call it; the semaphore itself is what synchronises.
package final class Signal: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    package init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    /// Lets one `wait` through, now or later.
    package func post() { sem_post(semaphore) }

    /// Blocks until a `post` that nobody used yet.
    package func wait() {
        while sem_wait(semaphore) != 0 {}
    }
}

import CLinux
import Glibc

/// A running thread with a name, on one processor if asked.
///
/// Loops are threads: tasks of the global pool would share processors and migrate.
///
/// ## Concurrency
/// `join` may be called once, by any thread but the one it joins.
package struct Thread: Sendable, ~Copyable {
    private let handle: pthread_t

    /// Starts a thread. The body runs once; a processor that is not ours to use is ignored, since
    /// an unpinned loop is slower but right.
    package init(
        name: String, processor: Int? = nil, _ body: @escaping @Sendable () -> Void
    ) throws(Errno) {
        let start = Start(name: name, processor: processor, body: body)
        let retained = Unmanaged.passRetained(start)
        var handle = pthread_t()
        let code = pthread_create(&handle, nil, runThread, retained.toOpaque())
        if code != 0 {
            retained.release()
            throw Errno(code, in: "pthread_create")
        }
        self.handle = handle
    }

    /// Waits until the body has returned.
    package consuming func join() {
        let code = pthread_join(handle, nil)
        precondition(code == 0, "a thread cannot join itself")
    }

    /// Lets the thread run on by itself to the end of the process.
    package consuming func detach() { _ = pthread_detach(handle) }
}

/// What a new thread needs to know.
///
/// ## Concurrency
/// Immutable; handed from the starting thread to the new one.
private final class Start: Sendable {
    let name: String
    let processor: Int?
    let body: @Sendable () -> Void

    init(name: String, processor: Int?, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.processor = processor
        self.body = body
    }
}

/// Runs in the new thread.
private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { preconditionFailure("a thread starts with its body") }
    let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
    _ = weir_name_thread(start.name)
    if let processor = start.processor { _ = weir_pin_thread(Int32(processor)) }
    start.body()
    return nil
}

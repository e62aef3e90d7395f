import CLinux
import Glibc

/// What concerns the process as a whole.
package enum Process {
    /// A signal that ends or changes a run.
    package enum Signal: Sendable {
        /// SIGINT: somebody pressed Control-C.
        case interrupt
        /// SIGTERM: the service's supervisor wants an end.
        case terminate
        /// SIGHUP: read the configuration again.
        case hangUp
        /// SIGUSR1.
        case user1
    }

    /// The machine's name; empty where it has none.
    package static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Lets writes to ended connections fail with EPIPE instead of killing the process.
    package static func ignoreBrokenPipes() { weir_ignore_sigpipe() }

    /// Has the allocator give large blocks back to the kernel when they are freed, and keep some
    /// small ones. By itself it learns to keep blocks of up to 32 MiB, and then the lists of a
    /// burst of flows leave holes between the idle ones: a fifth of their memory. And it returns
    /// the memory of every batch of events that a plugin has taken, to ask for it again at once.
    /// Call it first.
    package static func tuneMemory() { weir_tune_memory(128 << 10, 8 << 20) }

    /// Blocks the four signals in this thread and in those it starts later, so that only
    /// `waitForSignal` takes them. Call it first in `main`, before any thread exists.
    package static func blockSignals() {
        SystemCall.always(weir_block_signals(), "pthread_sigmask")
    }

    /// Sleeps until one of the blocked signals arrives; for a thread that does nothing else.
    package static func waitForSignal() -> Signal {
        let number = weir_wait_for_signal()
        SystemCall.always(number, "sigwait")
        switch number {
        case SIGINT: return .interrupt
        case SIGTERM: return .terminate
        case SIGHUP: return .hangUp
        default: return .user1
        }
    }

    /// Raises the limit of open descriptors as far as allowed and returns it.
    package static func raiseDescriptorLimit() throws(Errno) -> Int {
        let limit = weir_raise_descriptor_limit()
        if limit < 0 { throw Errno(Int32(-limit), in: "setrlimit") }
        return Int(limit)
    }

    /// The numbers of the processors that the process may use; never empty.
    package static var processors: [Int] {
        // CPU_SETSIZE; larger machines need a dynamic set, and no gateway with as many loops.
        var numbers = [Int32](repeating: 0, count: 1024)
        let count = weir_allowed_processors(&numbers, Int32(numbers.count))
        return count > 0 ? numbers.prefix(Int(count)).map(Int.init) : [0]
    }

    /// Whether a standard descriptor (0, 1, 2) is a terminal, so that colour makes sense.
    package static func isTerminal(_ number: Int32) -> Bool { weir_is_terminal(number) == 1 }
}

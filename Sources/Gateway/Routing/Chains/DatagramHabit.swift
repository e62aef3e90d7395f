import Synchronization

/// What a node was found to do with datagrams, so that it is not asked in vain each time.
///
/// ## Concurrency
/// Shared by all loops; a lock protects it. It is taken once per association.
package final class DatagramHabit: Sendable {
    private let associatesOnly = Mutex(false)

    /// Nothing is known.
    init() {}

    /// Whether it has UDP ASSOCIATE only, and not gost's UDP over TCP.
    var isPlain: Bool { associatesOnly.withLock { $0 } }

    /// It refused the one and served the other; whether that is news.
    func learnPlain() -> Bool {
        associatesOnly.withLock { known in
            defer { known = true }
            return !known
        }
    }

    /// It refuses both now, so that it is asked for either the next time.
    func forget() { associatesOnly.withLock { $0 = false } }
}

import Synchronization

/// The present value of something that changes now and then: a list from a file that is read
/// again, for instance. Whoever decides by it takes the value once and keeps to that.
///
/// ## Concurrency
/// Any thread reads and publishes; a lock protects the value. It is meant for reads once per
/// connection, not per packet.
package final class Published<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    /// Something whose value is so for now.
    package init(_ value: Value) { state = Mutex(value) }

    /// The value that was published last.
    package var value: Value { state.withLock { $0 } }

    /// Makes this the value for whoever asks from now on.
    package func publish(_ value: Value) { state.withLock { $0 = value } }
}

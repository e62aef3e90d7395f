import LinuxIO
import Synchronization

/// Remembers that somebody asked for a return of `wait`.
///
/// ## Concurrency
/// Any thread may use it.
final class WakeFlag: Waker {
    private let raised = Atomic<Bool>(false)

    var isRaised: Bool { raised.load(ordering: .acquiring) }
    func wake() { raised.store(true, ordering: .releasing) }
    func lower() { raised.store(false, ordering: .releasing) }
}

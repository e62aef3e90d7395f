import LinuxIO

/// What a descriptor stands for in the simulated kernel.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread.
class KernelObject {
    /// The kernel it lives in.
    unowned let kernel: SimulatedKernel
    /// How a driver is told about it; nil until it is watched.
    var watch: Watch?
    /// How a peer outside is told about it.
    var observer: (() -> Void)?

    init(kernel: SimulatedKernel) { self.kernel = kernel }

    /// What could be done now without waiting.
    func poll() -> Readiness { [] }

    /// Its descriptor is gone.
    func closed() {}

    /// Whether an idle event for it would be believable.
    var mayBeReportedIdly: Bool { false }

    /// Something happened to it: an edge.
    final func wake() {
        if let observer { kernel.plan(afterNanoseconds: 0, observer) }
        guard let watch else { return }
        let faults = kernel.faults
        if kernel.chance(faults.delayedReadiness) {
            let delay = kernel.random(in: 1...max(1, faults.delayNanoseconds))
            kernel.plan(afterNanoseconds: delay) { watch.mark() }
        } else {
            watch.mark()
        }
    }
}

/// One descriptor in one driver's interest list.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread.
final class Watch {
    let token: UInt64
    unowned let driver: SimulatedDriver
    /// Nil once the descriptor is closed.
    weak var object: KernelObject?
    /// Whether it is in the driver's ready list already.
    var isMarked = false

    init(token: UInt64, driver: SimulatedDriver, object: KernelObject) {
        self.token = token
        self.driver = driver
        self.object = object
    }

    /// Puts it into the ready list, once, as epoll does.
    func mark() {
        guard !isMarked, object?.watch === self else { return }
        isMarked = true
        driver.readyList.append(self)
    }
}

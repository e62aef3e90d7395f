import Chance
package import LinuxIO
package import Loop
import Model
import Testing

/// A gateway's loops over one simulated kernel, with time that moves only when all are idle.
///
/// ## Concurrency
/// One thread: the test's.
package final class Simulation {
    /// What every choice follows from; failures print it.
    package let seed: UInt64
    /// The network.
    package let kernel: SimulatedKernel
    /// The gateway's loops.
    package private(set) var loops: [EventLoop]
    /// The loops' drivers, in the same order.
    package private(set) var drivers: [SimulatedDriver]
    private var ending: [EventLoop] = []
    /// How often all loops had their turn.
    package private(set) var rounds = 0

    /// Rounds over all loops at one moment after which a loop is said to spin.
    private static let roundsPerMoment = 100_000

    package init(seed: UInt64, loops count: Int = 1, faults: Faults = .none) {
        self.seed = seed
        let kernel = SimulatedKernel(seed: seed, faults: faults)
        self.kernel = kernel
        let drivers = (0..<count).map { _ in kernel.makeDriver() }
        self.drivers = drivers
        loops = drivers.enumerated().map { EventLoop(index: $0.offset, driver: $0.element) }
    }

    /// Makes one more loop, which takes its turns from now on; also from within a turn. `wrap` may
    /// put something between the loop and its kernel.
    package func addLoop(
        index: Int, wrap: (SimulatedDriver) -> any IODriver = { $0 }
    ) -> EventLoop {
        let driver = kernel.makeDriver()
        let loop = EventLoop(index: index, driver: wrap(driver))
        drivers.append(driver)
        loops.append(loop)
        return loop
    }

    /// A loop takes no more turns after the present one.
    package func endLoop(_ loop: EventLoop) { ending.append(loop) }

    /// No loop takes a turn any more, as when their process dies.
    package func endAllLoops() { ending += loops }

    private func dropEnded() {
        for loop in ending {
            guard let index = loops.firstIndex(where: { $0 === loop }) else { continue }
            loops.remove(at: index)
            drivers.remove(at: index)
        }
        ending.removeAll()
    }

    /// A host outside of the gateway, by its address' text.
    package func peer(_ address: String) -> SimulatedPeer {
        guard let address = IPAddress(address) else {
            preconditionFailure("'\(address)' is not an address")
        }
        return SimulatedPeer(address, in: kernel)
    }

    // MARK: Running

    /// Takes turns until nothing is left to do at this moment. False, with an issue, if a loop
    /// never comes to rest.
    @discardableResult
    package func settle() -> Bool {
        for _ in 0..<Self.roundsPerMoment {
            kernel.runDueEvents()
            rounds += 1
            for index in loops.indices.shuffled(using: &order) {
                let loop = loops[index]
                if !ending.contains(where: { $0 === loop }) { loop.turn(mayWait: false) }
            }
            dropEnded()
            if isIdle { return true }
        }
        Issue.record("seed \(seed): a loop does not come to rest at one moment")
        return false
    }

    private lazy var order = SplitMix64(seed: seed ^ 0x07de7)

    private var isIdle: Bool {
        let now = kernel.nowNanoseconds
        return !kernel.hasDueEvents && !drivers.contains { $0.hasWork }
            && !loops.contains { $0.hasWork || ($0.nextDeadlineNanoseconds ?? .max) <= now }
    }

    /// When something happens next, in the network or by a timer; nil when nothing ever will.
    package var nextNanoseconds: UInt64? {
        let deadlines = loops.compactMap { $0.nextDeadlineNanoseconds }
        return (deadlines + [kernel.nextEventNanoseconds].compactMap { $0 }).min()
    }

    /// Runs for that much simulated time.
    package func run(milliseconds: UInt64) {
        let end = kernel.nowNanoseconds + milliseconds * 1_000_000
        guard settle() else { return }
        while let next = nextNanoseconds, next <= end {
            kernel.advance(toNanoseconds: next)
            guard settle() else { return }
        }
        kernel.advance(toNanoseconds: end)
        settle()
    }

    /// Runs until a condition holds; false when it does not within that much simulated time.
    package func run(
        limitMilliseconds: UInt64 = 600_000, until condition: () -> Bool
    ) -> Bool {
        let end = kernel.nowNanoseconds + limitMilliseconds * 1_000_000
        guard settle() else { return false }
        while !condition() {
            guard let next = nextNanoseconds, next <= end else { return false }
            kernel.advance(toNanoseconds: next)
            guard settle() else { return false }
        }
        return true
    }

    /// Calls `body` on a loop, in a turn, and settles. `body` stays on this thread.
    package func onLoop(_ index: Int = 0, _ body: (EventLoop) -> Void) {
        loops[index].perform(body)
        settle()
    }
}

import Inbound
import KernelTesting
import Loop
import PluginKit
import Synchronization
import Testing

@testable import Assembly

@Suite("Regular work of plugins")
struct PluginTickerTests {
    /// Ticks every second; each takes as long as the test says, or fails.
    private final class Chore: Periodic {
        private struct Trouble: Error, CustomStringConvertible { let description = "no luck" }

        let ticks = Mutex<[UInt64]>([])
        let isFailing = Mutex(false)
        let workNanoseconds = Mutex<UInt64>(0)
        let worker: EventLoop

        init(_ worker: EventLoop) { self.worker = worker }

        var tickMilliseconds: Int { 1000 }

        func tick() async throws {
            let now = worker.nowNanoseconds
            ticks.withLock { $0.append(now) }
            let work = workNanoseconds.withLock { $0 }
            if work > 0 { await worker.sleep(nanoseconds: work) }
            if isFailing.withLock({ $0 }) { throw Trouble() }
        }
    }

    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private let simulation = Simulation(seed: 7, loops: 2)
    private let lines = Lines()
    private let chore: Chore

    init() { chore = Chore(simulation.loops[1]) }

    private func start() -> PluginTicker {
        var ticker: PluginTicker?
        simulation.onLoop { home in
            let lines = lines
            ticker = PluginTicker(
                guid: "g", periodic: chore, home: home, worker: simulation.loops[1],
                journal: Journal(threshold: .trace) { _, event, fields in
                    lines.add("\(event): \(fields.map(\.value).joined(separator: " "))")
                })
        }
        guard let ticker else { preconditionFailure("the loop did not run the closure") }
        return ticker
    }

    private var count: Int { chore.ticks.withLock { $0.count } }

    @Test func `a tick comes after each pause, and none after the stop`() {
        let ticker = start()
        #expect(count == 0)
        simulation.run(milliseconds: 5500)
        #expect(count == 5)
        simulation.onLoop { _ in ticker.stop() }
        simulation.run(milliseconds: 5000)
        #expect(count == 5)
    }

    @Test func `a slow tick is never joined by another, and may outlive the stop`() {
        let ticker = start()
        chore.workNanoseconds.withLock { $0 = 10_000_000_000 }
        simulation.run(milliseconds: 9000)
        #expect(count == 1)
        simulation.run(milliseconds: 4000)
        #expect(count == 2, "a pause after the first had ended")
        simulation.onLoop { _ in ticker.stop() }
        simulation.run(milliseconds: 30_000)
        #expect(count == 2)
    }

    @Test func `a failure is said once and ends nothing`() {
        let ticker = start()
        chore.isFailing.withLock { $0 = true }
        simulation.run(milliseconds: 10_500)
        #expect(count == 10)
        #expect(lines.all == ["a plugin's regular work failed: g no luck 1"])
        simulation.onLoop { _ in ticker.stop() }
    }
}

import Inbound
import KernelTesting
import Loop
import PluginKit
import Synchronization
import Testing

@testable import Assembly

@Suite("Signs of life of the loops")
struct LoopWatchTests {
    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private final class Signs: Sendable {
        private let number = Mutex(0)
        var count: Int { number.withLock { $0 } }
        func add() { number.withLock { $0 += 1 } }
    }

    private let simulation = Simulation(seed: 11, loops: 2)
    /// A loop that takes its turns only when the test says.
    private let stray: EventLoop
    private let lines = Lines()
    private let signs = Signs()

    init() { stray = EventLoop(index: 7, driver: simulation.kernel.makeDriver()) }

    private var count: Int { signs.count }

    /// A watch with an interval of a second.
    private func watch(_ loops: [EventLoop]) {
        let lines = lines
        simulation.onLoop { home in
            _ = LoopWatch(
                home: home, loops: loops, intervalNanoseconds: 1_000_000_000,
                journal: Journal(threshold: .trace) { level, event, fields in
                    let values = fields.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
                    lines.add("\(level.name) \(event) \(values)")
                }, onSign: { signs.add() })
        }
    }

    @Test func `there are four signs in an interval while all loops answer`() {
        watch([simulation.loops[1]])
        simulation.run(milliseconds: 10_100)
        #expect(count == 41)
        #expect(lines.all.isEmpty)
    }

    @Test func `one loop that is stuck stops the signs and is named once`() {
        watch([simulation.loops[1], stray])
        simulation.run(milliseconds: 10_000)
        #expect(count == 0)
        let said = lines.all
        #expect(said.count == 1)
        #expect(said.first?.hasPrefix("error loops do not answer loops=7 milliseconds=5") == true)
    }

    @Test func `signs come again when the loop does, not for the late answer itself`() {
        watch([stray])
        stray.turn(mayWait: false)
        simulation.run(milliseconds: 100)
        #expect(count == 1)
        simulation.run(milliseconds: 2000)
        #expect(count == 1)
        stray.turn(mayWait: false)
        simulation.settle()
        #expect(count == 1)
        #expect(lines.all.last?.hasPrefix("warn all loops answer again") == true)
        simulation.run(milliseconds: 300)
        stray.turn(mayWait: false)
        simulation.settle()
        #expect(count == 2)
        #expect(lines.all.count == 2)
    }

    @Test func `an answer after half the interval is no sign`() {
        watch([stray])
        simulation.run(milliseconds: 499)
        stray.turn(mayWait: false)
        simulation.settle()
        #expect(count == 1)
        simulation.run(milliseconds: 2)
        simulation.run(milliseconds: 700)
        stray.turn(mayWait: false)
        simulation.settle()
        #expect(count == 1)
    }
}

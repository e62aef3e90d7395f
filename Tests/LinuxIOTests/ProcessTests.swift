import Glibc
import LinuxIO
import Synchronization
import Testing

@Suite("The process and its threads")
struct ProcessTests {
    @Test(arguments: [(SIGTERM, Process.Signal.terminate), (SIGHUP, .hangUp), (SIGINT, .interrupt)])
    func `a blocked signal is waited for`(_ number: Int32, _ signal: Process.Signal) async {
        await #expect(processExitsWith: .success) {
            [number = number as Int32, name = "\(signal)" as String] in
            Process.blockSignals()
            raise(number)
            #expect("\(Process.waitForSignal())" == name)
        }
    }

    @Test func `the descriptor limit is raised to the hard one`() throws {
        let raised = try Process.raiseDescriptorLimit()
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #expect(raised == Int(limit.rlim_max))
        #expect(limit.rlim_cur == limit.rlim_max)
    }

    @Test func `a thread runs its body once, pinned if asked, and can be joined`() throws {
        #expect(!Process.processors.isEmpty)
        let runs = Atomic<Int>(0)
        for processor in [nil, Process.processors.first, 1_000_000] {
            let thread = try Thread(
                name: "a name that is longer than fifteen", processor: processor
            ) {
                runs.add(1, ordering: .relaxed)
            }
            thread.join()
        }
        #expect(runs.load(ordering: .relaxed) == 3)
    }

    @Test func `a pipe is no terminal`() async {
        await #expect(processExitsWith: .success) {
            var ends: [Int32] = [0, 0]
            pipe(&ends)
            dup2(ends[0], 0)
            #expect(!Process.isTerminal(0))
        }
    }
}

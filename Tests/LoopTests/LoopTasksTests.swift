import KernelTesting
import LinuxIO
import Loop
import Synchronization
import Testing

@Suite("Tasks on loops", .timeLimit(.minutes(5)))
struct LoopTasksTests {
    private struct Trouble: Error, CustomStringConvertible {
        var description: String { "trouble" }
    }

    private final class Tally: Sendable {
        let count = Atomic<Int>(0)
    }

    /// A real loop on its own thread while `body` runs.
    private func onThread(_ body: (EventLoop) async -> Void) async throws {
        let loop = EventLoop(index: 0, driver: try EpollDriver())
        let ended = Semaphore()
        try Thread(name: "loop-test") {
            loop.run()
            ended.post()
        }.detach()
        await body(loop)
        loop.stop()
        ended.wait()
    }

    @Test func `work from elsewhere runs on the loop and its value comes back`() async throws {
        try await onThread { loop in
            #expect(!loop.isCurrent)
            #expect(await loop.perform { $0.isCurrent })
            let sum = await loop.perform { loop in loop.index + 41 }
            #expect(sum == 41)
        }
    }

    @Test func `asynchronous work stays on its loop over every wait`() async throws {
        try await onThread { loop in
            let result = await loop.call {
                var places = [loop.isCurrent]
                for _ in 0..<3 {
                    await loop.sleep(nanoseconds: 1_000_000)
                    places.append(loop.isCurrent)
                }
                return places
            }
            guard case .success(let places) = result else {
                Issue.record("the work failed")
                return
            }
            #expect(places == [true, true, true, true])
        }
    }

    @Test func `what asynchronous work throws comes back`() async throws {
        try await onThread { loop in
            let result = await loop.call { () async throws -> Int in throw Trouble() }
            guard case .failure(let error) = result else {
                Issue.record("the work succeeded")
                return
            }
            #expect(error is Trouble)
        }
    }

    @Test func `a thousand tasks from four threads each run once`() async throws {
        try await onThread { loop in
            let tally = Tally()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<250 {
                            _ = await loop.call { tally.count.add(1, ordering: .relaxed) }
                        }
                    }
                }
            }
            #expect(tally.count.load(ordering: .relaxed) == 1000)
        }
    }

    @Test func `work started on the loop runs at once up to its first wait`() {
        let simulation = Simulation(seed: 1)
        let diary = Diary()
        simulation.onLoop { loop in
            loop.start {
                diary.write("begun")
                await loop.sleep(nanoseconds: 50_000_000)
                diary.write("rested")
            }
            diary.write("started")
            loop.spawn { _ in await loop.sleep(nanoseconds: 0) }
        }
        #expect(diary.take() == ["begun", "started"])
        simulation.run(milliseconds: 40)
        #expect(diary.take().isEmpty)
        simulation.run(milliseconds: 20)
        #expect(diary.take() == ["rested"])
    }

    @Test func `another loop's answer comes back in time`() {
        let simulation = Simulation(seed: 2, loops: 2)
        let diary = Diary()
        let other = simulation.loops[1]
        simulation.onLoop { loop in
            loop.start {
                let answer = await loop.ask(other, withinNanoseconds: 1_000_000_000) {
                    await other.sleep(nanoseconds: 100_000_000)
                    return 42
                }
                if case .value(42) = answer { diary.write("42") }
                let failure = await loop.ask(other, withinNanoseconds: 1_000_000_000) {
                    () async throws -> Int in throw Trouble()
                }
                if case .failed(let reason) = failure { diary.write(reason) }
            }
        }
        simulation.run(milliseconds: 200)
        #expect(diary.take() == ["42", "trouble"])
        #expect(simulation.nextNanoseconds == nil, "no timer is left")
    }

    @Test func `an answer that is late is dropped`() {
        let simulation = Simulation(seed: 3, loops: 2)
        let diary = Diary()
        let other = simulation.loops[1]
        simulation.onLoop { loop in
            loop.start {
                let answer = await loop.ask(other, withinNanoseconds: 100_000_000) {
                    await other.sleep(nanoseconds: 500_000_000)
                    return 42
                }
                if case .failed(let reason) = answer { diary.write(reason) }
            }
        }
        simulation.run(milliseconds: 1000)
        #expect(diary.take() == ["no answer in time"])
        #expect(simulation.nextNanoseconds == nil)
    }

    @Test(arguments: [true, false])
    func `a wait ends with its call or its deadline, whichever comes first`(_ comes: Bool) {
        let simulation = Simulation(seed: 4)
        let diary = Diary()
        simulation.onLoop { loop in
            loop.start {
                var signal: (() -> Void)?
                loop.start {
                    await loop.sleep(nanoseconds: comes ? 50_000_000 : 150_000_000)
                    signal?()
                }
                let came = await loop.wait(nanoseconds: 100_000_000) { signal = $0 }
                diary.write("\(came)")
            }
        }
        simulation.run(milliseconds: 1000)
        #expect(diary.take() == ["\(comes)"])
    }
}

import LinuxIO
import Loop
import Testing

@Suite("Threads for calls that block", .timeLimit(.minutes(5)))
struct BlockingPoolTests {
    /// A loop that the test's thread drives while pool threads answer.
    private let loop: EventLoop
    private let diary = Diary()

    init() throws { loop = EventLoop(index: 0, driver: try EpollDriver()) }

    /// Asks the pool from the loop; the question is in its queue when this returns.
    private func ask(_ pool: BlockingPool, _ call: @escaping @Sendable () -> String) {
        let diary = diary
        loop.begin {
            do throws(BlockingPool.Refusal) {
                diary.write(try await pool.run(call))
            } catch {
                diary.write("\(error)")
            }
        }
    }

    private func turn(until count: Int) {
        while diary.lines.count < count { loop.turn(mayWait: true) }
    }

    @Test func `a call's value comes back to the loop`() throws {
        let pool = try BlockingPool(threads: 2, capacity: 10)
        let loop = loop
        ask(pool) { "on the loop: \(loop.isCurrent)" }
        turn(until: 1)
        #expect(diary.take() == ["on the loop: false"])
        pool.stop()
    }

    @Test func `calls beyond the bound are refused at once, those within are done`() throws {
        let pool = try BlockingPool(threads: 1, capacity: 2)
        let (started, go) = (Semaphore(), Semaphore())
        ask(pool) {
            started.post()
            go.wait()
            return "first"
        }
        started.wait()
        ask(pool) { "second" }
        ask(pool) { "third" }
        #expect(diary.take().isEmpty)
        ask(pool) { "fourth" }
        #expect(diary.take() == ["overloaded"])
        go.post()
        turn(until: 3)
        #expect(diary.take() == ["first", "second", "third"])
        ask(pool) { "fifth" }
        turn(until: 1)
        #expect(diary.take() == ["fifth"])
        pool.stop()
    }

    @Test func `a stopped pool finishes what waits and refuses the rest`() throws {
        let pool = try BlockingPool(threads: 1, capacity: 8)
        let (started, go) = (Semaphore(), Semaphore())
        ask(pool) {
            started.post()
            go.wait()
            return "first"
        }
        started.wait()
        ask(pool) { "second" }
        ask(pool) { "third" }
        pool.stop()
        ask(pool) { "late" }
        #expect(diary.take() == ["stopped"])
        go.post()
        turn(until: 3)
        #expect(diary.take() == ["first", "second", "third"])
    }

    @Test func `the threads of a stopped pool end`() throws {
        weak var gone: BlockingPool?
        do {
            let pool = try BlockingPool(threads: 4, capacity: 8)
            gone = pool
            pool.stop()
        }
        let deadline = loop.driver.monotonicNanoseconds() + 30_000_000_000
        while gone != nil, loop.driver.monotonicNanoseconds() < deadline {
            loop.begin { [loop] in await loop.sleep(nanoseconds: 5_000_000) }
            loop.turn(mayWait: true)
        }
        #expect(gone == nil, "each thread keeps the pool")
    }
}

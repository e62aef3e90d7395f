import AllocationCount
import Glibc

/// Time and allocations of a piece of work.
struct Cost {
    var nanoseconds: Double
    var allocations: Double

    /// What `work` costs, in all.
    static func measure(_ work: () -> Void) -> Cost {
        let allocations = allocation_count()
        let start = threadNanoseconds()
        work()
        let nanoseconds = threadNanoseconds() - start
        let made = allocation_count() - allocations
        return Cost(nanoseconds: nanoseconds, allocations: Double(made))
    }

    /// Processor time of this thread: waiting for others to compile does not count.
    private static func threadNanoseconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    /// The cost of one of `count` equal pieces.
    func divided(by count: Int) -> Cost {
        precondition(count > 0, "nothing was measured")
        return Cost(
            nanoseconds: nanoseconds / Double(count), allocations: allocations / Double(count))
    }

    /// The cheapest of several measurements: noise only adds.
    static func best(of rounds: Int, _ measure: () throws -> Cost) rethrows -> Cost {
        var best = try measure()
        for _ in 1..<rounds {
            let next = try measure()
            best.nanoseconds = min(best.nanoseconds, next.nanoseconds)
            best.allocations = min(best.allocations, next.allocations)
        }
        return best
    }
}

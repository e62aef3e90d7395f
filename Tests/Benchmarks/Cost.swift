import AllocationCount

/// Time and allocations of a piece of work.
struct Cost {
    var nanoseconds: Double
    var allocations: Double

    /// What `work` costs, in all.
    static func measure(_ work: () -> Void) -> Cost {
        let clock = ContinuousClock()
        let allocations = allocation_count()
        let start = clock.now
        work()
        let duration = start.duration(to: clock.now)
        let made = allocation_count() - allocations
        let (seconds, attoseconds) = duration.components
        return Cost(
            nanoseconds: Double(seconds) * 1e9 + Double(attoseconds) / 1e9,
            allocations: Double(made))
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

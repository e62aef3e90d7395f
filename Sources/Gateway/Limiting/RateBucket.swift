package import Model
import Synchronization

/// A rate that several loops share: a bucket of bytes that fills evenly up to its burst.
///
/// In any span of time at most `rate × time + burst` bytes are granted, from the first second on.
///
/// ## Concurrency
/// Any loop; a lock protects the level.
package final class RateBucket: Supply {
    private let state: Mutex<State>

    private struct State {
        var rate: ByteRate
        /// In billionths of a byte, so that a nanosecond adds a whole number.
        var level: Int128
        var filledNanoseconds: UInt64
        var users = 0

        var burst: Int128 { Int128(rate.burstBytes) * State.unit }
        /// One loop's share in advance.
        var sliceBytes: Int { max(rate.bytesPerSecond / 100, Limits.smallestShareBytes) }
        /// What is worth waiting for: less would mean many small reads, more a flow that stands
        /// still although bytes are there.
        var worthwhile: Int128 {
            let bytes = max(rate.bytesPerSecond / 40, Limits.smallestShareBytes)
            return max(min(burst / 2, Int128(bytes) * State.unit), State.unit)
        }
        static let unit: Int128 = 1_000_000_000

        /// Adds what has come since the last call. Loops' clocks differ by part of a turn.
        mutating func fill(_ nowNanoseconds: UInt64) {
            guard nowNanoseconds > filledNanoseconds else { return }
            let passed = Int128(nowNanoseconds - filledNanoseconds)
            filledNanoseconds = nowNanoseconds
            level = min(level + passed * Int128(rate.bytesPerSecond), burst)
        }
    }

    /// A full bucket.
    package init(_ rate: ByteRate, nowNanoseconds: UInt64) {
        var state = State(rate: rate, level: 0, filledNanoseconds: nowNanoseconds)
        state.level = state.burst
        self.state = Mutex(state)
    }

    package var sliceBytes: Int {
        state.withLock { $0.sliceBytes }
    }
    package var lends: Bool { true }

    package func take(_ wanted: Int, nowNanoseconds: UInt64) -> Grant {
        precondition(wanted > 0, "nothing was asked for")
        return state.withLock { state in
            state.fill(nowNanoseconds)
            let whole = state.level / State.unit
            if whole > 0 {
                let granted = min(Int128(wanted), whole)
                state.level -= granted * State.unit
                return .bytes(Int(granted))
            }
            let missing = state.worthwhile - state.level
            let rate = Int128(state.rate.bytesPerSecond)
            let pause = (missing + rate - 1) / rate
            let moment = nowNanoseconds.addingReportingOverflow(UInt64(clamping: pause))
            return .later(nanoseconds: moment.overflow ? .max : moment.partialValue)
        }
    }

    package func giveBack(_ bytes: Int, nowNanoseconds: UInt64) {
        state.withLock { state in
            state.fill(nowNanoseconds)
            state.level = min(state.level + Int128(bytes) * State.unit, state.burst)
        }
    }

    package func changeUsers(by difference: Int) { state.withLock { $0.users += difference } }

    /// Changes the rate; what is in the bucket stays, up to the new burst.
    package func change(to rate: ByteRate, nowNanoseconds: UInt64) {
        state.withLock { state in
            state.fill(nowNanoseconds)
            state.rate = rate
            state.level = min(state.level, state.burst)
        }
    }

    /// Whether it can be forgotten: no flow uses it, and it is as full as a new one.
    func isSpare(nowNanoseconds: UInt64) -> Bool {
        state.withLock { state in
            state.fill(nowNanoseconds)
            return state.users == 0 && state.level >= state.burst
        }
    }
}

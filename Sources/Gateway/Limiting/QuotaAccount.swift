import Model
import Synchronization

/// What one holder of a quota may still move in the present period.
///
/// Bytes are granted in advance and what was not moved comes back, so never more is moved than the
/// quota allows. Grants get smaller as it runs out, so that no loop keeps the rest.
///
/// ## Concurrency
/// Any loop; a lock protects the count.
final class QuotaAccount: Supply {
    private let terms: QuotaTerms
    private let clock: @Sendable () -> Int64
    private let onExhausted: @Sendable (QuotaAccount) -> Void
    private let state: Mutex<State>

    private struct State {
        var limitBytes: UInt64
        /// Granted and not given back.
        var usedBytes: UInt64 = 0
        var period: String?
        /// The quarter of an hour that `period` was looked up in: days begin with one.
        var bucket = Int64.min
        var emptySinceNanoseconds: UInt64?
        var isExhausted = false

        var leftBytes: UInt64 { limitBytes > usedBytes ? limitBytes - usedBytes : 0 }
    }

    init(
        limitBytes: UInt64, terms: QuotaTerms, clock: @escaping @Sendable () -> Int64,
        onExhausted: @escaping @Sendable (QuotaAccount) -> Void
    ) {
        self.terms = terms
        self.clock = clock
        self.onExhausted = onExhausted
        state = Mutex(State(limitBytes: limitBytes))
    }

    var sliceBytes: Int { Limits.quotaSliceBytes }
    var lends: Bool { false }

    func take(_ wanted: Int, nowNanoseconds: UInt64) -> Grant {
        precondition(wanted > 0, "nothing was asked for")
        let moment = clock()
        let (grant, isNewlyExhausted) = state.withLock { state -> (Grant, Bool) in
            guard isHolding(&state, moment) else { return (.bytes(wanted), false) }
            let left = state.leftBytes
            if left > 0 {
                let share = max(left / 8, UInt64(Limits.smallestShareBytes))
                let granted = min(UInt64(wanted), left, share)
                state.usedBytes += granted
                return (.bytes(Int(granted)), false)
            }
            let since = state.emptySinceNanoseconds ?? nowNanoseconds
            state.emptySinceNanoseconds = since
            // What other loops hold and do not use comes back first.
            let patience = UInt64(Limits.quotaPatienceMilliseconds) * 1_000_000
            guard nowNanoseconds >= since + patience else {
                return (.later(nanoseconds: since + patience), false)
            }
            defer { state.isExhausted = true }
            return (.exhausted, !state.isExhausted)
        }
        if isNewlyExhausted { onExhausted(self) }
        return grant
    }

    func giveBack(_ bytes: Int, nowNanoseconds: UInt64) {
        state.withLock { state in
            guard bytes > 0 else {
                state.usedBytes += UInt64(-bytes)
                return
            }
            state.usedBytes -= min(UInt64(bytes), state.usedBytes)
            if state.leftBytes > 0 { state.emptySinceNanoseconds = nil }
        }
    }

    func changeUsers(by difference: Int) {}

    /// Looks whether a new period has begun; whether the quota holds now.
    private func isHolding(_ state: inout State, _ moment: Int64) -> Bool {
        let bucket = moment / Int64(Limits.usageBucketMilliseconds)
        let hasEdge = terms.startsMilliseconds != nil || terms.endsMilliseconds != nil
        if bucket != state.bucket || hasEdge {
            state.bucket = bucket
            let period = terms.periodName(atMilliseconds: moment)
            if period != state.period {
                state.period = period
                state.usedBytes = 0
                state.emptySinceNanoseconds = nil
                state.isExhausted = false
            }
        }
        return state.period != nil
    }

    /// Whether nothing is left.
    var isUsedUp: Bool {
        let moment = clock()
        return state.withLock { isHolding(&$0, moment) && $0.leftBytes == 0 }
    }

    /// What was used in a period, as it was stored.
    func restore(_ bytes: UInt64, period: String) {
        let moment = clock()
        state.withLock { state in
            if isHolding(&state, moment), state.period == period { state.usedBytes += bytes }
        }
    }

    /// Changes how much is allowed; what was used stays used.
    func change(to limitBytes: UInt64) {
        state.withLock { state in
            state.limitBytes = limitBytes
            if state.leftBytes > 0 {
                state.emptySinceNanoseconds = nil
                state.isExhausted = false
            }
        }
    }

    /// Nothing was used.
    func reset() {
        state.withLock { state in
            state.usedBytes = 0
            state.emptySinceNanoseconds = nil
            state.isExhausted = false
        }
    }

    /// Used and allowed in the present period.
    var usage: (usedBytes: UInt64, limitBytes: UInt64) {
        let moment = clock()
        return state.withLock { state in
            _ = isHolding(&state, moment)
            return (state.usedBytes, state.limitBytes)
        }
    }
}

package import Model
import Synchronization

/// A forwarder's targets, and whose turn it is.
///
/// A target that failed `maxFails` times in a row rests for `failTimeout`; when all rest, all are
/// tried. Rests are kept for the whole gateway, not per loop.
///
/// ## Concurrency
/// Shared by all loops; a lock protects the state. It is taken once per flow.
package final class TargetList: Sendable {
    /// How the next target is chosen.
    package enum Strategy: Sendable, Hashable {
        /// In turn.
        case round
        /// By chance.
        case random
        /// The first that works.
        case fifo
        /// The same target for the same client address.
        case hash
    }

    private struct State {
        var turn = 0
        var failures: [Int]
        var restsUntilMilliseconds: [Int64]
    }

    /// The targets.
    package let targets: [Destination]
    private let strategy: Strategy
    private let maxFails: Int
    private let failTimeoutMilliseconds: Int64
    private let state: Mutex<State>

    /// Targets; at least one.
    package init(
        _ targets: [Destination], strategy: Strategy, maxFails: Int, failTimeoutMilliseconds: Int64
    ) {
        precondition(!targets.isEmpty, "a forwarder without targets")
        self.targets = targets
        self.strategy = strategy
        self.maxFails = max(1, maxFails)
        self.failTimeoutMilliseconds = failTimeoutMilliseconds
        state = Mutex(
            State(
                failures: [Int](repeating: 0, count: targets.count),
                restsUntilMilliseconds: [Int64](repeating: 0, count: targets.count)))
    }

    /// The targets to try for a client, best first; every target once.
    package func order(client: Endpoint, nowMilliseconds: Int64, random: UInt64) -> [Int] {
        state.withLock { state in
            let count = targets.count
            let first: Int
            switch strategy {
            case .round:
                first = state.turn % count
                state.turn = (state.turn + 1) % count
            case .random:
                first = Int(random % UInt64(count))
            case .fifo:
                first = 0
            case .hash:
                let mixed = (client.address.high ^ client.address.low) &* 0x9e37_79b9_7f4a_7c15
                first = Int((mixed >> 32) % UInt64(count))
            }
            let turn = (0..<count).map { (first + $0) % count }
            let awake = turn.filter { state.restsUntilMilliseconds[$0] <= nowMilliseconds }
            return awake + turn.filter { state.restsUntilMilliseconds[$0] > nowMilliseconds }
        }
    }

    /// A target answered.
    package func succeeded(_ target: Int) {
        state.withLock { state in
            state.failures[target] = 0
            state.restsUntilMilliseconds[target] = 0
        }
    }

    /// A target did not answer.
    package func failed(_ target: Int, nowMilliseconds: Int64) {
        state.withLock { state in
            state.failures[target] += 1
            if state.failures[target] >= maxFails {
                state.restsUntilMilliseconds[target] = nowMilliseconds + failTimeoutMilliseconds
            }
        }
    }
}

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

    /// One target and its share.
    package struct Target: Sendable {
        /// Where it is.
        package let destination: Destination
        /// Its share under `random`, from 1.
        package let weight: Int
        /// Whether it is tried only when no other target works.
        package let isBackup: Bool
        /// Failures in a row after which it rests.
        package let maxFails: Int
        /// How long it rests.
        package let failTimeoutMilliseconds: Int64

        package init(
            _ destination: Destination, weight: Int = 1, isBackup: Bool = false, maxFails: Int,
            failTimeoutMilliseconds: Int64
        ) {
            self.destination = destination
            self.weight = max(1, weight)
            self.isBackup = isBackup
            self.maxFails = max(1, maxFails)
            self.failTimeoutMilliseconds = failTimeoutMilliseconds
        }
    }

    private struct State {
        var turn = 0
        var failures: [Int]
        var restsUntilMilliseconds: [Int64]
    }

    /// Where the targets are, in file order.
    package var targets: [Destination] { list.map(\.destination) }
    private let list: [Target]
    private let primaries: [Int]
    private let backups: [Int]
    private let strategy: Strategy
    private let state: Mutex<State>

    /// Targets; at least one. When all are backups, all count as primary.
    package init(_ targets: [Target], strategy: Strategy) {
        precondition(!targets.isEmpty, "a forwarder without targets")
        list = targets
        let chosen = targets.indices.filter { !targets[$0].isBackup }
        primaries = chosen.isEmpty ? Array(targets.indices) : chosen
        backups = chosen.isEmpty ? [] : targets.indices.filter { targets[$0].isBackup }
        self.strategy = strategy
        state = Mutex(
            State(
                failures: [Int](repeating: 0, count: targets.count),
                restsUntilMilliseconds: [Int64](repeating: 0, count: targets.count)))
    }

    /// Targets of equal share.
    package convenience init(
        _ destinations: [Destination], strategy: Strategy, maxFails: Int,
        failTimeoutMilliseconds: Int64
    ) {
        self.init(
            destinations.map {
                Target($0, maxFails: maxFails, failTimeoutMilliseconds: failTimeoutMilliseconds)
            }, strategy: strategy)
    }

    /// The targets to try for a client, best first, every target once: primaries that work, then
    /// backups that work, then those that rest.
    package func order(client: Endpoint, nowMilliseconds: Int64, random: UInt64) -> [Int] {
        state.withLock { state in
            let first = first(&state, client, random)
            let turn = primaries.indices.map { primaries[(first + $0) % primaries.count] } + backups
            let awake = turn.filter { state.restsUntilMilliseconds[$0] <= nowMilliseconds }
            return awake + turn.filter { state.restsUntilMilliseconds[$0] > nowMilliseconds }
        }
    }

    /// Which of the primaries comes first.
    private func first(_ state: inout State, _ client: Endpoint, _ random: UInt64) -> Int {
        let count = primaries.count
        switch strategy {
        case .round:
            defer { state.turn = (state.turn + 1) % count }
            return state.turn % count
        case .random:
            let total = primaries.reduce(0) { $0 + list[$1].weight }
            var left = Int(random % UInt64(total))
            for (index, target) in primaries.enumerated() {
                left -= list[target].weight
                if left < 0 { return index }
            }
            return 0
        case .fifo:
            return 0
        case .hash:
            let mixed = (client.address.high ^ client.address.low) &* 0x9e37_79b9_7f4a_7c15
            return Int((mixed >> 32) % UInt64(count))
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
            if state.failures[target] >= list[target].maxFails {
                state.restsUntilMilliseconds[target] =
                    nowMilliseconds + list[target].failTimeoutMilliseconds
            }
        }
    }
}

import Synchronization

/// Whose turn it is among alternatives: nodes of a hop, targets of a forwarder, chains of a group.
///
/// One that failed `maxFails` times in a row rests for `failTimeout`. Backups come after the
/// others, and those that rest come last, so that somebody is always tried. Rests are kept for the
/// whole gateway, not per loop or service.
///
/// ## Concurrency
/// Shared by all loops; a lock protects the state. It is taken once per attempt.
package final class Selector: Sendable {
    /// How the next one is chosen.
    package enum Strategy: Sendable, Hashable {
        /// In turn.
        case round
        /// By chance and weight.
        case random
        /// The first that works.
        case fifo
        /// The same one for the same key, as long as the same ones work.
        case hash
    }

    /// One alternative.
    package struct Member: Sendable {
        /// Its share under `random`, from 1.
        package let weight: Int
        /// Whether it is tried only when none of the others works.
        package let isBackup: Bool
        /// Failures in a row after which it rests.
        package let maxFails: Int
        /// How long it rests.
        package let failTimeoutMilliseconds: Int64

        package init(
            weight: Int = 1, isBackup: Bool = false, maxFails: Int, failTimeoutMilliseconds: Int64
        ) {
            self.weight = max(1, weight)
            self.isBackup = isBackup
            self.maxFails = max(1, maxFails)
            self.failTimeoutMilliseconds = failTimeoutMilliseconds
        }
    }

    /// What one choice depends on.
    package struct Draw: Sendable {
        /// The same key leads to the same one under `hash`.
        package var key: UInt32
        /// The time, as rests are measured.
        package var nowMilliseconds: Int64
        /// Chance, for `random`.
        package var random: UInt64

        package init(key: UInt32, nowMilliseconds: Int64, random: UInt64) {
            self.key = key
            self.nowMilliseconds = nowMilliseconds
            self.random = random
        }
    }

    private struct State {
        var turn = 0
        var failures: [Int]
        var restsUntilMilliseconds: [Int64]
    }

    private let members: [Member]
    private let strategy: Strategy
    private let state: Mutex<State>

    /// Alternatives; at least one. When all are backups, none is.
    package init(_ members: [Member], strategy: Strategy) {
        precondition(!members.isEmpty, "a choice among nobody")
        self.members = members
        self.strategy = strategy
        state = Mutex(
            State(
                failures: [Int](repeating: 0, count: members.count),
                restsUntilMilliseconds: [Int64](repeating: 0, count: members.count)))
    }

    /// The ones to try, best first, each of `candidates` once. Of those that do not rest, the one
    /// with the highest priority above 0 comes first, if no other one has the same.
    package func order(
        _ candidates: [Int], _ draw: Draw, priority: (Int) -> Int = { _ in 0 }
    ) -> [Int] {
        state.withLock { state in
            let awake = candidates.filter {
                state.restsUntilMilliseconds[$0] <= draw.nowMilliseconds
            }
            let resting = candidates.filter {
                state.restsUntilMilliseconds[$0] > draw.nowMilliseconds
            }
            let turn = state.turn
            state.turn = (turn + 1) % 0x4000_0000
            let order =
                rotated(awake.filter { !members[$0].isBackup }, draw, turn)
                + rotated(awake.filter { members[$0].isBackup }, draw, turn)
            let highest = awake.map(priority).max() ?? 0
            let best = awake.filter { priority($0) == highest }
            guard highest > 0, best.count == 1 else { return order + resting }
            return best + order.filter { $0 != best[0] } + resting
        }
    }

    private func rotated(_ list: [Int], _ draw: Draw, _ turn: Int) -> [Int] {
        guard list.count > 1 else { return list }
        let first: Int
        switch strategy {
        case .round: first = turn % list.count
        case .random: first = pick(list, draw.random)
        case .fifo: first = 0
        case .hash: first = Int(draw.key) % list.count
        }
        return Array(list[first...] + list[..<first])
    }

    private func pick(_ list: [Int], _ random: UInt64) -> Int {
        let total = list.reduce(0) { $0 + members[$1].weight }
        var left = Int(random % UInt64(total))
        for (index, member) in list.enumerated() {
            left -= members[member].weight
            if left < 0 { return index }
        }
        return 0
    }

    /// One answered.
    package func succeeded(_ member: Int) {
        state.withLock { state in
            state.failures[member] = 0
            state.restsUntilMilliseconds[member] = 0
        }
    }

    /// One failed.
    package func failed(_ member: Int, nowMilliseconds: Int64) {
        state.withLock { state in
            state.failures[member] += 1
            if state.failures[member] >= members[member].maxFails {
                state.restsUntilMilliseconds[member] =
                    nowMilliseconds + members[member].failTimeoutMilliseconds
            }
        }
    }
}

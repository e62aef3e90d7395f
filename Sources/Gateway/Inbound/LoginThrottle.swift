package import Model
import Synchronization

/// Remembers failed logins and makes the next ones wait: twice as long after each failure of the
/// same user from the same address, up to `delayNanosecondsMax`.
///
/// The delay is for the pair, so nobody can lock another user out, and for the address with a
/// higher allowance, so that trying many names gains nothing. Guessing side by side gains nothing
/// either: of a pair that was not right lately only so many logins are checked at a time as may
/// fail freely, and the others stand in a queue until those are answered.
///
/// ## Concurrency
/// Shared by all loops; a lock protects the tables. It is taken twice per login.
package final class LoginThrottle: Sendable {
    /// Where a login stands before it is checked.
    package enum Place: Sendable {
        /// It has just come.
        case door
        /// It waits because earlier ones failed.
        case delay
        /// It waits until others are answered.
        case queue
    }

    /// What a login does next.
    package enum Step: Sendable, Hashable {
        /// It is checked; `succeeded` or `failed` must follow.
        case check
        /// It is checked and takes nobody's place, since the pair was right lately.
        case checkTrusted
        /// It waits so long and asks again, from that place.
        case wait(Place, nanoseconds: UInt64)
        /// It is refused at once: too many wait already.
        case refuse
    }

    private struct Key: Hashable {
        let address: IPAddress
        let user: String?
    }

    private struct Record {
        /// None: the last login was right.
        var failures: Int
        var lastNanoseconds: UInt64
    }

    /// Logins of one address that are not answered yet.
    private struct Unanswered {
        var delayed = 0
        var queued = 0
        var checked = 0
        var checkedOfUser: [String: Int] = [:]

        var isEmpty: Bool { delayed == 0 && queued == 0 && checked == 0 }
    }

    private struct State {
        var records: [Key: Record] = [:]
        var unanswered: [IPAddress: Unanswered] = [:]
    }

    private let state = Mutex(State())
    private static let forgetNanoseconds: UInt64 = 300_000_000_000
    private static let delayNanosecondsMax: UInt64 = 8_000_000_000
    private static let queueNanoseconds: UInt64 = 20_000_000
    private static let freeFailuresPerUser = 2
    private static let freeFailuresPerAddress = 10

    /// A throttle that remembers nobody.
    package init() {}

    /// How many pairs and addresses are remembered.
    var trackedCount: Int { state.withLock { $0.records.count } }

    /// What a login does next; `place` is where its last step left it, at first the door. A login
    /// that gives up in the queue calls `leave`.
    package func step(
        client: IPAddress, user: String, from place: Place, nowNanoseconds: UInt64
    ) -> Step {
        let address = Self.network(client)
        return state.withLock { state in
            var unanswered = state.unanswered[address] ?? Unanswered()
            defer { state.unanswered[address] = unanswered.isEmpty ? nil : unanswered }
            Self.leave(place, &unanswered)
            let pair = state.records[Key(address: address, user: user)]
            let whole = state.records[Key(address: address, user: nil)]
            let delay = max(
                Self.delay(pair, free: Self.freeFailuresPerUser, nowNanoseconds),
                Self.delay(whole, free: Self.freeFailuresPerAddress, nowNanoseconds))
            if place != .delay && delay > 0 {
                guard unanswered.delayed < Limits.delayedLoginsPerAddress else { return .refuse }
                unanswered.delayed += 1
                return .wait(.delay, nanoseconds: delay)
            }
            if let pair, pair.failures == 0, !Self.isStale(pair, nowNanoseconds) {
                return .checkTrusted
            }
            let side = unanswered.checkedOfUser[user] ?? 0
            if side >= Self.freeFailuresPerUser
                || unanswered.checked >= Self.freeFailuresPerAddress
            {
                guard unanswered.queued < Limits.queuedLoginsPerAddress else { return .refuse }
                unanswered.queued += 1
                return .wait(.queue, nanoseconds: Self.queueNanoseconds)
            }
            unanswered.checked += 1
            unanswered.checkedOfUser[user] = side + 1
            return .check
        }
    }

    /// A login gives up where it waits.
    package func leave(client: IPAddress, from place: Place) {
        let address = Self.network(client)
        state.withLock { state in
            guard var unanswered = state.unanswered[address] else { return }
            Self.leave(place, &unanswered)
            state.unanswered[address] = unanswered.isEmpty ? nil : unanswered
        }
    }

    /// A login that was checked has failed; `wasTrusted` says by which step.
    package func failed(
        client: IPAddress, user: String, wasTrusted: Bool = false, nowNanoseconds: UInt64
    ) {
        let address = Self.network(client)
        state.withLock { state in
            if !wasTrusted { Self.answered(&state, address, user) }
            Self.makeRoom(&state.records, nowNanoseconds)
            for key in [Key(address: address, user: user), Key(address: address, user: nil)] {
                let old = state.records[key].flatMap {
                    Self.isStale($0, nowNanoseconds) ? nil : $0
                }
                state.records[key] = Record(
                    failures: (old?.failures ?? 0) + 1, lastNanoseconds: nowNanoseconds)
            }
        }
    }

    /// A login that was checked was right: the pair starts afresh and need not queue. The address
    /// keeps its record, or one good account would buy endless guesses at others.
    package func succeeded(
        client: IPAddress, user: String, wasTrusted: Bool = false, nowNanoseconds: UInt64
    ) {
        let address = Self.network(client)
        state.withLock { state in
            if !wasTrusted { Self.answered(&state, address, user) }
            Self.makeRoom(&state.records, nowNanoseconds)
            state.records[Key(address: address, user: user)] = Record(
                failures: 0, lastNanoseconds: nowNanoseconds)
        }
    }

    // MARK: Unanswered logins

    private static func leave(_ place: Place, _ unanswered: inout Unanswered) {
        switch place {
        case .door: break
        case .delay: unanswered.delayed -= 1
        case .queue: unanswered.queued -= 1
        }
    }

    private static func answered(_ state: inout State, _ address: IPAddress, _ user: String) {
        guard var unanswered = state.unanswered[address] else { return }
        let left = (unanswered.checkedOfUser[user] ?? 1) - 1
        unanswered.checkedOfUser[user] = left > 0 ? left : nil
        unanswered.checked -= 1
        state.unanswered[address] = unanswered.isEmpty ? nil : unanswered
    }

    // MARK: Records

    /// An IPv6 client owns its /64.
    private static func network(_ address: IPAddress) -> IPAddress {
        address.isV4 ? address : IPAddress(high: address.high, low: 0)
    }

    /// Every loop reads the clock once per turn, so another's moment may lie after ours.
    private static func isStale(_ record: Record, _ now: UInt64) -> Bool {
        now > record.lastNanoseconds && now - record.lastNanoseconds > forgetNanoseconds
    }

    private static func delay(_ record: Record?, free: Int, _ now: UInt64) -> UInt64 {
        guard let record, record.failures > free,
            !isStale(record, now)
        else { return 0 }
        let doublings = UInt64(min(record.failures - free, 6))
        return min(delayNanosecondsMax, 125_000_000 << doublings)
    }

    private static func makeRoom(_ records: inout [Key: Record], _ now: UInt64) {
        guard records.count >= Limits.trackedLogins else { return }
        records = records.filter { !isStale($0.value, now) }
        guard records.count >= Limits.trackedLogins else { return }
        // All are recent. Failures matter more than successes, and recent ones more than old ones;
        // half goes, so the work is paid rarely.
        let kept = records.sorted { one, other in
            (min(one.value.failures, 1), one.value.lastNanoseconds)
                > (min(other.value.failures, 1), other.value.lastNanoseconds)
        }
        .prefix(Limits.trackedLogins / 2)
        records = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
    }
}

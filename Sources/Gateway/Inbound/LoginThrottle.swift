package import Model
import Synchronization

/// Remembers failed logins and makes the next ones wait: twice as long after each failure of the
/// same user from the same address, up to `delayNanosecondsMax`.
///
/// The delay is for the pair, so nobody can lock another user out, and for the address with a
/// higher allowance, so that trying many names gains nothing.
///
/// ## Concurrency
/// Shared by all loops; a lock protects the table. It is taken once per login.
package final class LoginThrottle: Sendable {
    private struct Key: Hashable {
        let address: IPAddress
        let user: String?
    }

    private struct Record {
        var failures: Int
        var lastNanoseconds: UInt64
    }

    private let records = Mutex<[Key: Record]>([:])
    private let waiting = Mutex<[IPAddress: Int]>([:])
    private static let forgetNanoseconds: UInt64 = 300_000_000_000
    private static let delayNanosecondsMax: UInt64 = 8_000_000_000
    private static let freeFailuresPerUser = 2
    private static let freeFailuresPerAddress = 10

    /// A throttle that remembers nobody.
    package init() {}

    /// How many pairs and addresses are remembered.
    var trackedCount: Int { records.withLock { $0.count } }

    /// How long this login has to wait.
    package func delayNanoseconds(
        client: IPAddress, user: String, nowNanoseconds: UInt64
    ) -> UInt64 {
        records.withLock { records in
            let pair = records[Key(address: Self.network(client), user: user)]
            let address = records[Key(address: Self.network(client), user: nil)]
            return max(
                Self.delay(pair, free: Self.freeFailuresPerUser, nowNanoseconds),
                Self.delay(address, free: Self.freeFailuresPerAddress, nowNanoseconds))
        }
    }

    /// Makes room for one more login that waits for its delay; false when the address has as many
    /// as it may, and then the login is refused at once.
    package func beginWaiting(client: IPAddress) -> Bool {
        waiting.withLock { waiting in
            let address = Self.network(client)
            guard waiting[address, default: 0] < Limits.delayedLoginsPerAddress else {
                return false
            }
            waiting[address, default: 0] += 1
            return true
        }
    }

    /// A login has waited.
    package func endWaiting(client: IPAddress) {
        waiting.withLock { waiting in
            let address = Self.network(client)
            let left = (waiting[address] ?? 1) - 1
            waiting[address] = left > 0 ? left : nil
        }
    }

    /// A login has failed.
    package func failed(client: IPAddress, user: String, nowNanoseconds: UInt64) {
        records.withLock { records in
            if records.count >= Limits.trackedLogins { Self.forget(&records, nowNanoseconds) }
            for key in Self.keys(client, user) {
                let old = records[key]
                let isStale =
                    old.map { Self.isStale($0, nowNanoseconds) } ?? true
                records[key] = Record(
                    failures: isStale ? 1 : (old?.failures ?? 0) + 1,
                    lastNanoseconds: nowNanoseconds)
            }
        }
    }

    /// A login was right: the pair starts afresh. The address keeps its record, or one good
    /// account would buy endless guesses at others.
    package func succeeded(client: IPAddress, user: String) {
        records.withLock { $0[Key(address: Self.network(client), user: user)] = nil }
    }

    private static func keys(_ client: IPAddress, _ user: String) -> [Key] {
        let address = network(client)
        return [Key(address: address, user: user), Key(address: address, user: nil)]
    }

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

    private static func forget(_ records: inout [Key: Record], _ now: UInt64) {
        records = records.filter { !isStale($0.value, now) }
        guard records.count >= Limits.trackedLogins else { return }
        // All are recent: the half that failed longest ago goes, so the work is paid rarely.
        let kept = records.sorted { $0.value.lastNanoseconds > $1.value.lastNanoseconds }
            .prefix(Limits.trackedLogins / 2)
        records = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
    }
}

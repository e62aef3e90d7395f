import Model

/// What lines about each connection (`$$`) have given one client connection. It stays as it is
/// over the connection's requests, each of which is a flow, and when other limits change.
///
/// ## Concurrency
/// Confined to the loop of its connection.
package final class ConnectionShares {
    private var buckets: [ObjectIdentifier: Buckets] = [:]
    private var accounts: [ObjectIdentifier: Account] = [:]

    // Both keep their limiter, so that no other one gets its identity meanwhile.

    private struct Buckets {
        let limiter: TrafficLimiter
        var uplink: RateBucket?
        var downlink: RateBucket?
    }

    private struct Account {
        let quota: Quota
        let account: QuotaAccount
    }

    /// Of a connection that has had nothing yet.
    package init() {}

    /// The buckets of a limiter's line, with what is in them.
    func buckets(
        of limiter: TrafficLimiter, _ rates: TrafficRates, nowNanoseconds: UInt64
    ) -> (uplink: RateBucket?, downlink: RateBucket?) {
        let id = ObjectIdentifier(limiter)
        var known = buckets[id] ?? Buckets(limiter: limiter)
        known.uplink = Self.bucket(known.uplink, rates.uplink, nowNanoseconds)
        known.downlink = Self.bucket(known.downlink, rates.downlink, nowNanoseconds)
        buckets[id] = known
        return (known.uplink, known.downlink)
    }

    private static func bucket(
        _ known: RateBucket?, _ rate: ByteRate?, _ nowNanoseconds: UInt64
    ) -> RateBucket? {
        guard let rate else { return nil }
        guard let known else { return RateBucket(rate, nowNanoseconds: nowNanoseconds) }
        known.change(to: rate, nowNanoseconds: nowNanoseconds)
        return known
    }

    /// The account of a quota's line, with what was used.
    func account(
        of quota: Quota, limitBytes: UInt64, make: () -> QuotaAccount
    ) -> QuotaAccount {
        let id = ObjectIdentifier(quota)
        if let known = accounts[id]?.account {
            known.change(to: limitBytes)
            return known
        }
        let made = make()
        accounts[id] = Account(quota: quota, account: made)
        return made
    }
}

package import Model
import Synchronization

/// Rates of one direction or both, as one line of a limiter has them; nil is without limit.
package struct TrafficRates: Hashable, Sendable {
    /// For what the client sends.
    package let uplink: ByteRate?
    /// For what the client gets.
    package let downlink: ByteRate?

    package init(uplink: ByteRate?, downlink: ByteRate?) {
        self.uplink = uplink
        self.downlink = downlink
    }
}

/// A limiter by its name: its lines, and a bucket for everybody whom one of them is about.
///
/// Wherever it is named, it is the same: two services share its `$`.
///
/// ## Concurrency
/// Any loop asks it, once per flow; a lock protects the lines and the table of buckets.
package final class TrafficLimiter: Sendable {
    private let state: Mutex<State>

    private enum Holder: Hashable {
        case everything
        case address(IPAddress)
        case user(String)
    }

    private struct Buckets {
        var uplink: RateBucket?
        var downlink: RateBucket?
        var askedNanoseconds: UInt64

        init(_ rates: TrafficRates, _ nowNanoseconds: UInt64) {
            let make = { (rate: ByteRate) in RateBucket(rate, nowNanoseconds: nowNanoseconds) }
            uplink = rates.uplink.map(make)
            downlink = rates.downlink.map(make)
            askedNanoseconds = nowNanoseconds
        }

        /// One that was asked for a moment ago may not be in use yet, and will be.
        func isSpare(_ nowNanoseconds: UInt64) -> Bool {
            if nowNanoseconds < askedNanoseconds + 1_000_000_000 { return false }
            let isSpare = { (bucket: RateBucket) in bucket.isSpare(nowNanoseconds: nowNanoseconds) }
            return uplink.map(isSpare) ?? true && downlink.map(isSpare) ?? true
        }
    }

    private struct State {
        var rules: KeyedRules<TrafficRates>
        var buckets: [Holder: Buckets] = [:]
        var sweepCount = Limits.limitedSubjects

        func rates(of holder: Holder) -> TrafficRates? {
            switch holder {
            case .everything: rules.everything
            case .address(let address): rules.value(of: address)
            case .user(let name): rules.value(of: name)
            }
        }

        mutating func buckets(of holder: Holder, _ nowNanoseconds: UInt64) -> Buckets? {
            if let known = buckets[holder] {
                buckets[holder]?.askedNanoseconds = nowNanoseconds
                return known
            }
            guard let rates = rates(of: holder) else { return nil }
            if buckets.count >= sweepCount {
                buckets = buckets.filter { !$0.value.isSpare(nowNanoseconds) }
                sweepCount = max(Limits.limitedSubjects, 2 * buckets.count)
            }
            let made = Buckets(rates, nowNanoseconds)
            buckets[holder] = made
            return made
        }
    }

    /// A limiter from its lines.
    package init(_ lines: [(key: LimitKey, value: TrafficRates)]) {
        state = Mutex(State(rules: KeyedRules(lines)))
    }

    /// Changes the lines; whether they mean something else now. Buckets that are still wanted keep
    /// what is in them. The loops' shapers must be told of a change (`Shaper.rebind`).
    @discardableResult
    package func replace(
        _ lines: [(key: LimitKey, value: TrafficRates)], nowNanoseconds: UInt64
    ) -> Bool {
        let rules = KeyedRules(lines)
        return state.withLock { state in
            if state.rules == rules { return false }
            state.rules = rules
            for (holder, old) in state.buckets {
                guard let rates = state.rates(of: holder) else {
                    state.buckets[holder] = nil
                    continue
                }
                var new = Buckets(rates, nowNanoseconds)
                Self.keep(old.uplink, rates.uplink, &new.uplink, nowNanoseconds)
                Self.keep(old.downlink, rates.downlink, &new.downlink, nowNanoseconds)
                state.buckets[holder] = new
            }
            return true
        }
    }

    private static func keep(
        _ old: RateBucket?, _ rate: ByteRate?, _ place: inout RateBucket?, _ nowNanoseconds: UInt64
    ) {
        guard let old, let rate else { return }
        old.change(to: rate, nowNanoseconds: nowNanoseconds)
        place = old
    }

    /// How many users and addresses have a bucket.
    package var subjectCount: Int { state.withLock { $0.buckets.count } }

    fileprivate func supplies(
        for subject: LimitedSubject, _ scope: LimiterUse.Scope, _ shares: ConnectionShares,
        nowNanoseconds: UInt64
    ) -> Supplies {
        let (found, each) = state.withLock { state in
            var found: [Buckets?] = []
            if scope != .connections {
                found.append(state.buckets(of: .everything, nowNanoseconds))
            }
            if scope != .service {
                found.append(state.buckets(of: .address(subject.address), nowNanoseconds))
                if let user = subject.user {
                    found.append(state.buckets(of: .user(user), nowNanoseconds))
                }
            }
            return (found, scope == .service ? nil : state.rules.eachConnection)
        }
        var supplies = Supplies(
            uplink: found.compactMap { $0?.uplink }, downlink: found.compactMap { $0?.downlink })
        if let each {
            let own = shares.buckets(of: self, each, nowNanoseconds: nowNanoseconds)
            if let uplink = own.uplink { supplies.uplink.append(uplink) }
            if let downlink = own.downlink { supplies.downlink.append(downlink) }
        }
        return supplies
    }
}

/// A limiter where a service names it.
package struct LimiterUse: LimitSource {
    /// Which of its lines count there.
    package enum Scope: Sendable {
        /// All.
        case all
        /// `$` alone.
        case service
        /// All but `$`.
        case connections
    }

    /// The limiter.
    package let limiter: TrafficLimiter
    /// Which of its lines count.
    package let scope: Scope

    package init(_ limiter: TrafficLimiter, scope: Scope = .all) {
        self.limiter = limiter
        self.scope = scope
    }

    package func supplies(
        for subject: LimitedSubject, _ shares: ConnectionShares, nowNanoseconds: UInt64
    ) -> Supplies {
        limiter.supplies(for: subject, scope, shares, nowNanoseconds: nowNanoseconds)
    }
}

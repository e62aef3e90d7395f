package import Model
import Synchronization

/// A quota by its name: how many bytes may be moved in all, in each period, by whom its lines are
/// about.
///
/// Wherever it is named, it is the same: two services share its `$`.
///
/// ## Concurrency
/// Any loop asks it, once per flow; a lock protects the lines and the accounts.
package final class Quota: LimitSource {
    /// Who has an account.
    package enum Holder: Hashable, Sendable, CustomStringConvertible {
        /// Everything together.
        case everything
        /// One client address.
        case address(IPAddress)
        /// One user.
        case user(String)

        /// As it is stored.
        package var description: String {
            switch self {
            case .everything: "$"
            case .address(let address): "ip:\(address)"
            case .user(let name): "user:\(name)"
            }
        }

        /// Reads what `description` writes.
        package init?(_ text: String) {
            if text == "$" {
                self = .everything
            } else if text.hasPrefix("user:") {
                self = .user(String(text.dropFirst(5)))
            } else if text.hasPrefix("ip:"), let address = IPAddress(text.dropFirst(3)) {
                self = .address(address)
            } else {
                return nil
            }
        }
    }

    /// The name.
    package let name: String
    /// What it counts, and when it begins anew.
    package let terms: QuotaTerms
    private let clock: @Sendable () -> Int64
    private let onExhausted: @Sendable (String, any Supply) -> Void
    private let state: Mutex<State>

    private struct State {
        var rules: KeyedRules<UInt64>
        var accounts: [Holder: QuotaAccount] = [:]

        func limit(of holder: Holder) -> UInt64? {
            switch holder {
            case .everything: rules.everything
            case .address(let address): rules.value(of: address)
            case .user(let name): rules.value(of: name)
            }
        }
    }

    /// A quota from its lines, in bytes. `clock` is the wall clock in milliseconds; `onExhausted`
    /// is called, on any loop, when somebody asks for more than there is: flows that take from the
    /// supply are to be ended.
    package init(
        name: String, _ lines: [(key: LimitKey, value: UInt64)], terms: QuotaTerms,
        clock: @escaping @Sendable () -> Int64,
        onExhausted: @escaping @Sendable (String, any Supply) -> Void
    ) {
        self.name = name
        self.terms = terms
        self.clock = clock
        self.onExhausted = onExhausted
        state = Mutex(State(rules: KeyedRules(lines)))
    }

    /// Changes the lines; whether they mean something else now. What was used stays used. The
    /// loops' shapers must be told of a change.
    @discardableResult
    package func replace(_ lines: [(key: LimitKey, value: UInt64)]) -> Bool {
        let rules = KeyedRules(lines)
        return state.withLock { state in
            if state.rules == rules { return false }
            state.rules = rules
            for (holder, account) in state.accounts {
                if let limit = state.limit(of: holder) {
                    account.change(to: limit)
                } else {
                    state.accounts[holder] = nil
                }
            }
            return true
        }
    }

    // MARK: Accounts

    /// Whose accounts a flow takes from.
    package func holders(of subject: LimitedSubject) -> [Holder] {
        state.withLock { holders(of: subject, $0) }
    }

    private func holders(of subject: LimitedSubject, _ state: borrowing State) -> [Holder] {
        var holders: [Holder] = []
        if state.rules.everything != nil { holders.append(.everything) }
        if state.rules.value(of: subject.address) != nil {
            holders.append(.address(subject.address))
        }
        if let user = subject.user, state.rules.value(of: user) != nil {
            holders.append(.user(user))
        }
        return holders
    }

    private func account(of holder: Holder, _ state: inout State) -> QuotaAccount? {
        if let known = state.accounts[holder] { return known }
        guard let limit = state.limit(of: holder) else { return nil }
        // Nobody can have more of them than there is room for.
        let isFull = state.accounts.count >= Limits.quotaHolders
        let account = makeAccount(isFull ? 0 : limit)
        if !isFull { state.accounts[holder] = account }
        return account
    }

    private func makeAccount(_ limit: UInt64) -> QuotaAccount {
        let (name, onExhausted) = (name, onExhausted)
        return QuotaAccount(
            limitBytes: limit, terms: terms, clock: clock,
            onExhausted: { onExhausted(name, $0) })
    }

    private func accounts(of subject: LimitedSubject) -> [QuotaAccount] {
        state.withLock { state in
            holders(of: subject, state).compactMap { account(of: $0, &state) }
        }
    }

    package func supplies(
        for subject: LimitedSubject, _ shares: ConnectionShares, nowNanoseconds: UInt64
    ) -> Supplies {
        var accounts: [any Supply] = self.accounts(of: subject)
        if let limit = state.withLock({ $0.rules.eachConnection }) {
            accounts.append(
                shares.account(of: self, limitBytes: limit) { makeAccount(limit) })
        }
        switch terms.counted {
        case .total: return Supplies(uplink: accounts, downlink: accounts)
        case .uplink: return Supplies(uplink: accounts)
        case .downlink: return Supplies(downlink: accounts)
        }
    }

    package func refusal(of subject: LimitedSubject) -> String? {
        accounts(of: subject).contains { $0.isUsedUp } ? "quota '\(name)' is used up" : nil
    }

    /// Adds what was stored of a period; of another one than the present it counts nothing.
    package func restore(_ bytes: UInt64, of holder: Holder, period: String) {
        state.withLock { account(of: holder, &$0) }?.restore(bytes, period: period)
    }

    /// Nobody has used anything of the present period.
    package func reset() {
        for account in state.withLock({ Array($0.accounts.values) }) { account.reset() }
    }

    /// What each holder used and may use in the present period.
    package var usage: [(holder: Holder, usedBytes: UInt64, limitBytes: UInt64)] {
        state.withLock { state in
            state.accounts.map { ($0.key, $0.value.usage.usedBytes, $0.value.usage.limitBytes) }
        }
    }
}

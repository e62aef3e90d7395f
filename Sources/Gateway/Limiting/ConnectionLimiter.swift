package import Model
import Synchronization

/// How many connections there may be at one time, together and of each address.
///
/// Wherever it is named, it is the same: two services share its `$`.
///
/// ## Concurrency
/// Any loop asks it, once per connection; a lock protects the counts.
package final class ConnectionLimiter: Sendable {
    private let name: String
    private let state: Mutex<State>

    private struct State {
        var rules: KeyedRules<Int>
        var count = 0
        var addresses: [IPAddress: Int] = [:]
    }

    /// A limiter from its lines, each at least 1.
    package init(name: String, _ lines: [(key: LimitKey, value: Int)]) {
        self.name = name
        state = Mutex(State(rules: KeyedRules(lines)))
    }

    /// Changes the lines. Connections that are there stay.
    package func replace(_ lines: [(key: LimitKey, value: Int)]) {
        state.withLock { $0.rules = KeyedRules(lines) }
    }

    /// Lets a connection in, which counts as long as its ticket lives.
    package func admit(_ address: IPAddress) -> Arrival {
        let refusal = state.withLock { state -> String? in
            if let most = state.rules.everything, state.count >= most {
                return "climiter '\(name)' allows \(most) connections"
            }
            let own = state.addresses[address, default: 0]
            if let most = state.rules.value(of: address), own >= most {
                return "climiter '\(name)' allows \(most) connections of \(address)"
            }
            state.count += 1
            state.addresses[address] = own + 1
            return nil
        }
        if let refusal { return .refused(refusal) }
        return .admitted(ConnectionTicket(self, address))
    }

    fileprivate func leave(_ address: IPAddress) {
        state.withLock { state in
            state.count -= 1
            let own = state.addresses[address, default: 1] - 1
            state.addresses[address] = own == 0 ? nil : own
        }
    }

    /// Connections that count now.
    package var count: Int { state.withLock { $0.count } }
}

/// What a limit says to somebody who comes.
package enum Arrival: Sendable {
    /// Come in; what is counted is counted as long as the ticket lives.
    case admitted(ConnectionTicket?)
    /// Not now, and why.
    case refused(String)
}

/// A connection that counts. It is given back when nobody holds it any more.
///
/// ## Concurrency
/// Held by one loop's objects; letting go of it takes the limiter's lock.
package final class ConnectionTicket: Sendable {
    private let limiter: ConnectionLimiter
    private let address: IPAddress

    fileprivate init(_ limiter: ConnectionLimiter, _ address: IPAddress) {
        self.limiter = limiter
        self.address = address
    }

    deinit { limiter.leave(address) }
}

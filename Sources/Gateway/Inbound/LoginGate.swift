import Loop
package import Model
package import PluginKit

/// Who may use a service: its authers in order, or everybody.
///
/// Each auther is asked in turn. One that does not know the user passes on to the next; one that
/// knows the user decides, right or wrong. Nobody knowing the user is a refusal.
package struct LoginGate: Sendable {
    /// One auther.
    package enum Auther: Sendable {
        /// Users from the configuration.
        case table(UserTable)
        /// A plugin with the Authenticator capability.
        case plugin(PluginAuthenticator)
        /// Somebody who answers by himself in time, and holds up no loop.
        case remote(any Authenticator)
    }

    private let authers: [Auther]
    private let throttle: LoginThrottle
    private let exempt: [IPPrefix]
    private let service: String

    /// A gate. No authers lets everybody in; `exempt` addresses need no password.
    package init(
        service: String, authers: [Auther], exempt: [IPPrefix], throttle: LoginThrottle
    ) {
        self.service = service
        self.authers = authers
        self.exempt = exempt
        self.throttle = throttle
    }

    /// Whether a client must log in.
    package func requiresLogin(_ client: Endpoint) -> Bool {
        !authers.isEmpty && !exempt.contains { $0.contains(client.address) }
    }

    /// Whether a login is right, and for whom; nil is a refusal. A client that failed before waits
    /// for the answer.
    package func login(
        username: String, password: String, client: Endpoint, station: Station
    ) async -> String? {
        let loop = station.loop
        guard let isTrusted = await waitForTurn(username, client.address, loop) else { return nil }
        let attempt = AuthenticationAttempt(
            service: service, client: client, username: username, password: password)
        let user = await ask(attempt, station)
        if user == nil {
            throttle.failed(
                client: client.address, user: username, wasTrusted: isTrusted,
                nowNanoseconds: loop.nowNanoseconds)
        } else {
            throttle.succeeded(
                client: client.address, user: username, wasTrusted: isTrusted,
                nowNanoseconds: loop.nowNanoseconds)
        }
        return user
    }

    /// Whether a login that was right is still right, and for whom: for clients that log in with
    /// every request. A no is not held against them.
    func confirm(
        username: String, password: String, client: Endpoint, station: Station
    ) async -> String? {
        await ask(
            AuthenticationAttempt(
                service: service, client: client, username: username, password: password), station)
    }

    /// Waits as the throttle says; whether the login is trusted, or nil to refuse it unchecked.
    private func waitForTurn(
        _ username: String, _ client: IPAddress, _ loop: EventLoop
    ) async -> Bool? {
        let giveUpNanoseconds =
            loop.nowNanoseconds + UInt64(Limits.queuedLoginMilliseconds) * 1_000_000
        var place = LoginThrottle.Place.door
        while true {
            switch throttle.step(
                client: client, user: username, from: place, nowNanoseconds: loop.nowNanoseconds)
            {
            case .check: return false
            case .checkTrusted: return true
            case .refuse: return nil
            case .wait(let next, let nanoseconds):
                place = next
                await loop.sleep(nanoseconds: nanoseconds)
                if place == .queue && loop.nowNanoseconds > giveUpNanoseconds {
                    throttle.leave(client: client, from: place)
                    return nil
                }
            }
        }
    }

    private func ask(_ attempt: AuthenticationAttempt, _ station: Station) async -> String? {
        for auther in authers {
            let answer: AuthenticationAnswer
            switch auther {
            case .table(let table):
                answer = await table.check(attempt, station)
            case .plugin(let plugin):
                answer = await plugin.check(attempt, station)
            case .remote(let authenticator):
                // A throw is a refusal, as for a plugin.
                answer = (try? await authenticator.authenticate(attempt)) ?? .refused
            }
            switch answer {
            case .accepted(let user): return user
            case .refused: return nil
            case .unknownUser: continue
            }
        }
        return nil
    }
}

import Model
import Routing
import Synchronization

/// Where this gateway listens, so that it never connects to itself, as address policies.
///
/// ## Concurrency
/// Any thread; a lock protects the policies. It is taken once per dial.
final class OwnEndpoints: Sendable {
    private struct State {
        var endpoints: [Endpoint] = []
        var passing: Set<Endpoint> = []
        var allowing: DestinationPolicy
        var denying: DestinationPolicy
    }

    private let localAddresses: [IPAddress]
    private let state: Mutex<State>

    init(localAddresses: [IPAddress]) {
        self.localAddresses = localAddresses
        state = Mutex(
            State(
                allowing: Self.policy([], localAddresses, .allow),
                denying: Self.policy([], localAddresses, .deny)))
    }

    /// The gateway listens at one more address.
    func add(_ endpoint: Endpoint) {
        state.withLock { state in
            state.endpoints.append(endpoint)
            state.allowing = Self.policy(state.endpoints, localAddresses, .allow)
            state.denying = Self.policy(state.endpoints, localAddresses, .deny)
        }
    }

    /// The gateway listens at an endpoint for a while: an association's, or BIND's.
    func occupy(_ endpoint: Endpoint) {
        state.withLock { _ = $0.passing.insert(endpoint) }
    }

    /// The gateway listens there no more.
    func vacate(_ endpoint: Endpoint) {
        state.withLock { _ = $0.passing.remove(endpoint) }
    }

    /// Why an endpoint must not be dialled, in words; nil allows it.
    func objection(to endpoint: Endpoint, client: Endpoint, allowsPrivate: Bool) -> String? {
        state.withLock { state in
            if state.passing.contains(endpoint) {
                return DestinationPolicy.Refusal.ownListener.rawValue
            }
            let policy = allowsPrivate ? state.allowing : state.denying
            return policy.refusal(of: endpoint, for: client.address)?.rawValue
        }
    }

    private static func policy(
        _ endpoints: [Endpoint], _ localAddresses: [IPAddress],
        _ privateDestinations: DestinationPolicy.PrivateDestinations
    ) -> DestinationPolicy {
        DestinationPolicy(
            ownListeners: endpoints, localAddresses: localAddresses,
            privateDestinations: privateDestinations)
    }
}

import Model
import Routing
import Synchronization

/// Where this gateway listens, so that it never connects to itself, as address policies.
///
/// ## Concurrency
/// Any thread; a lock protects the policies. It is taken once per dial.
final class OwnEndpoints: Sendable {
    private struct State {
        /// How many sockets listen at each: TCP and UDP have ports of their own.
        var passing: [Endpoint: Int] = [:]
        var services: [Endpoint] = []
        var control: [Endpoint] = []
        var allowing: DestinationPolicy
        var denying: DestinationPolicy

        mutating func update(_ isOwnAddress: @escaping @Sendable (IPAddress) -> Bool) {
            allowing = OwnEndpoints.policy(services + control, isOwnAddress, .allow)
            denying = OwnEndpoints.policy(services + control, isOwnAddress, .deny)
        }
    }

    private let isOwnAddress: @Sendable (IPAddress) -> Bool
    private let state: Mutex<State>

    /// Nothing listens yet. `isOwnAddress` says whether an address is the machine's at that moment.
    init(isOwnAddress: @escaping @Sendable (IPAddress) -> Bool) {
        self.isOwnAddress = isOwnAddress
        state = Mutex(
            State(
                allowing: Self.policy([], isOwnAddress, .allow),
                denying: Self.policy([], isOwnAddress, .deny)))
    }

    /// The gateway listens at these addresses, and no longer at those of before.
    func set(_ endpoints: [Endpoint]) {
        state.withLock { state in
            state.services = endpoints
            state.update(isOwnAddress)
        }
    }

    /// The control plane answers at these addresses.
    func setControl(_ endpoints: [Endpoint]) {
        state.withLock { state in
            state.control = endpoints
            state.update(isOwnAddress)
        }
    }

    /// The gateway listens at an endpoint for a while: an association's, or BIND's.
    func occupy(_ endpoint: Endpoint) {
        state.withLock { $0.passing[endpoint, default: 0] += 1 }
    }

    /// The gateway listens there no more.
    func vacate(_ endpoint: Endpoint) {
        state.withLock { state in
            let left = (state.passing[endpoint] ?? 1) - 1
            state.passing[endpoint] = left > 0 ? left : nil
        }
    }

    /// Why an endpoint must not be dialled, in words; nil allows it.
    func objection(to endpoint: Endpoint, client: Endpoint, allowsPrivate: Bool) -> String? {
        let policy = state.withLock { state -> DestinationPolicy? in
            if state.passing[endpoint] != nil { return nil }
            return allowsPrivate ? state.allowing : state.denying
        }
        guard let policy else { return DestinationPolicy.Refusal.ownListener.rawValue }
        // Not under the lock: it may ask the kernel.
        return policy.refusal(of: endpoint, for: client.address)?.rawValue
    }

    /// Why an endpoint must not be asked of the far end of a chain; nil allows it.
    func objection(beyondChain endpoint: Endpoint) -> String? {
        let policy = state.withLock { $0.allowing }
        return policy.refusal(beyondChain: endpoint)?.rawValue
    }

    private static func policy(
        _ endpoints: [Endpoint], _ isOwnAddress: @escaping @Sendable (IPAddress) -> Bool,
        _ privateDestinations: DestinationPolicy.PrivateDestinations
    ) -> DestinationPolicy {
        DestinationPolicy(
            ownListeners: endpoints, isOwnAddress: isOwnAddress,
            privateDestinations: privateDestinations)
    }
}

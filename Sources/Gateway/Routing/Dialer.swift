package import LinuxIO
package import Loop
package import Model

/// Why a destination could not be reached. Each has its own reply code in every protocol.
package enum DialFault: Error, Hashable, Sendable {
    /// The name did not resolve.
    case name(NameFault)
    /// Address policy forbids it; the reason is for the log.
    case denied(String)
    /// Nobody listens there.
    case refused
    /// There is no route to the network.
    case networkUnreachable
    /// The host does not answer.
    case hostUnreachable
    /// The deadline passed.
    case timedOut
    /// Another failure of the socket calls.
    case failed(Errno)
    /// A node of a chain: which one, as messages name it, and what it is.
    case node(String, NodeFault)
    /// The gateway cut the attempt.
    case cut

    /// Whether policy or a plugin said no.
    package var isDenial: Bool {
        if case .denied = self { true } else { false }
    }

    /// The fault of the destination itself where a chain's last node told it; else the same.
    package var ofDestination: DialFault {
        if case .node(_, .destination(let fault)) = self { fault } else { self }
    }

    /// How much it tells of a destination whose addresses all failed: an answer of the host is
    /// worth more than silence, and silence more than a family that this machine has no route for.
    var weight: Int {
        switch self {
        case .refused: 5
        case .hostUnreachable: 4
        case .timedOut: 3
        case .networkUnreachable: 2
        case .denied, .failed: 1
        case .name, .node, .cut: 0
        }
    }

    /// What a failed connect means.
    package init(_ error: Errno) {
        if error.isRefused || error.isReset {
            self = .refused
        } else if error.isNetworkUnreachable {
            self = .networkUnreachable
        } else if error.isHostUnreachable {
            self = .hostUnreachable
        } else if error.isTimeout {
            self = .timedOut
        } else if error.isForbidden {
            self = .denied("the kernel refuses to connect there")
        } else {
            self = .failed(error)
        }
    }
}

/// Connects to destinations: resolves names, checks every address, and tries them one after
/// another until one answers.
///
/// ## Concurrency
/// Confined to its loop.
package final class Dialer {
    private let loop: EventLoop
    private let resolver: any NameResolver
    /// Nil allows an endpoint; otherwise the reason against it.
    private let object: (Endpoint, _ client: Endpoint) -> String?

    /// A dialer of one loop and service. `objection` is asked at every attempt, after resolution.
    package init(
        loop: EventLoop, resolver: any NameResolver,
        objection: @escaping (Endpoint, _ client: Endpoint) -> String?
    ) {
        self.loop = loop
        self.resolver = resolver
        object = objection
    }

    /// Why an endpoint must not be reached; nil allows it.
    package func objection(to endpoint: Endpoint, client: Endpoint) -> String? {
        object(endpoint, client)
    }

    /// The endpoints of a destination that policy allows, in the order to be tried.
    package func endpoints(
        of destination: Destination, client: Endpoint, deadlineNanoseconds: UInt64
    ) async throws(DialFault) -> [Endpoint] {
        let addresses: [IPAddress]
        switch destination.host {
        case .address(let address):
            addresses = [address]
        case .name(let name):
            do throws(NameFault) {
                addresses = try await resolver.resolve(
                    name, deadlineNanoseconds: deadlineNanoseconds)
            } catch {
                throw .name(error)
            }
        }
        var allowed: [Endpoint] = []
        var reason: String?
        for address in addresses.prefix(Limits.addressesPerName) {
            let endpoint = Endpoint(address, destination.port)
            if let objection = object(endpoint, client) {
                reason = objection
            } else {
                allowed.append(endpoint)
            }
        }
        if allowed.isEmpty { throw .denied(reason ?? "the name has no address") }
        return allowed
    }

    /// Connects to the first address that answers; when none does, the fault that tells most is
    /// thrown. `onStart` gets each socket as soon as there is one, so that it can be cut. Each
    /// address gets its share of the time that is left.
    package func dial(
        _ destination: Destination, client: Endpoint, deadlineNanoseconds: UInt64,
        onStart: (StreamSocket) -> Void
    ) async throws(DialFault) -> StreamSocket {
        let endpoints = try await endpoints(
            of: destination, client: client, deadlineNanoseconds: deadlineNanoseconds)
        var worst: DialFault?
        for (index, endpoint) in endpoints.enumerated() {
            let now = loop.nowNanoseconds
            guard now < deadlineNanoseconds else { throw worst ?? .timedOut }
            let share = (deadlineNanoseconds - now) / UInt64(endpoints.count - index)
            do throws(StreamFault) {
                return try await StreamSocket.connect(
                    to: endpoint, loop: loop, deadlineNanoseconds: now + share, onStart: onStart)
            } catch {
                let fault: DialFault
                switch error {
                case .cut: throw .cut
                case .timedOut: fault = .timedOut
                case .ended: fault = .refused
                case .failed(let errno): fault = DialFault(errno)
                }
                if fault.weight > worst?.weight ?? 0 { worst = fault }
            }
        }
        throw worst ?? .timedOut
    }
}

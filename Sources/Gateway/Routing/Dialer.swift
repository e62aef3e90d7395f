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
    /// It cannot be left by the interface, address or mark that was asked for; why, for the log.
    case egress(String)
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
        case .denied, .failed, .egress: 1
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
    /// How its sockets leave.
    private let egress: EgressPlan
    /// Nil allows an endpoint; otherwise the reason against it.
    private let object: (Endpoint, _ client: Endpoint) -> String?

    /// A dialer of one loop and service. `objection` is asked at every attempt, after resolution.
    package init(
        loop: EventLoop, resolver: any NameResolver, egress: EgressPlan = .anywhere,
        objection: @escaping (Endpoint, _ client: Endpoint) -> String?
    ) {
        self.loop = loop
        self.resolver = resolver
        self.egress = egress
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
    /// address gets its share of the time that is left. `ingress` is the address that the client
    /// connected to, where it is known.
    package func dial(
        _ destination: Destination, client: Endpoint, ingress: IPAddress? = nil,
        deadlineNanoseconds: UInt64, onStart: (StreamSocket) -> Void
    ) async throws(DialFault) -> StreamSocket {
        let endpoints = try await endpoints(
            of: destination, client: client, deadlineNanoseconds: deadlineNanoseconds)
        var worst: DialFault?
        for (index, endpoint) in endpoints.enumerated() {
            let now = loop.nowNanoseconds
            guard now < deadlineNanoseconds else { throw worst ?? .timedOut }
            let share = (deadlineNanoseconds - now) / UInt64(endpoints.count - index)
            do throws(DialFault) {
                return try await connect(
                    to: endpoint, ingress: ingress, deadlineNanoseconds: now + share,
                    onStart: onStart)
            } catch {
                if error == .cut { throw error }
                if error.weight > worst?.weight ?? 0 { worst = error }
            }
        }
        throw worst ?? .timedOut
    }

    /// Connects to one address, by the first way out that leads there.
    private func connect(
        to endpoint: Endpoint, ingress: IPAddress?, deadlineNanoseconds: UInt64,
        onStart: (StreamSocket) -> Void
    ) async throws(DialFault) -> StreamSocket {
        let egresses = egress.egresses(towards: endpoint.address, ingress: ingress)
        var worst = DialFault.noWayOut
        for (index, egress) in egresses.enumerated() {
            let now = loop.nowNanoseconds
            guard now < deadlineNanoseconds else { throw worst }
            let share = (deadlineNanoseconds - now) / UInt64(egresses.count - index)
            do throws(StreamFault) {
                return try await StreamSocket.connect(
                    to: endpoint, by: egress, loop: loop, deadlineNanoseconds: now + share,
                    onStart: onStart)
            } catch {
                let fault = DialFault(error, by: egress)
                if fault == .cut { throw fault }
                if index == 0 || fault.weight > worst.weight { worst = fault }
            }
        }
        throw worst
    }
}

extension DialFault {
    /// What was asked for leads to no address of the destination's family.
    package static let noWayOut = DialFault.egress(
        "no interface or address that was named leads to the destination's family")

    /// What a failed attempt means.
    fileprivate init(_ fault: StreamFault, by egress: Egress) {
        switch fault {
        case .cut: self = .cut
        case .timedOut: self = .timedOut
        case .ended: self = .refused
        case .failed(let error): self = DialFault(error, by: egress)
        }
    }

    /// What a failed call on a socket means that was to leave so.
    package init(_ error: Errno, by egress: Egress) {
        guard error.isOfEgress else {
            self = DialFault(error)
            return
        }
        let need = error.isForbidden ? "; it needs the capability CAP_NET_ADMIN" : ""
        self = .egress("\(egress.label): \(error)\(need)")
    }
}

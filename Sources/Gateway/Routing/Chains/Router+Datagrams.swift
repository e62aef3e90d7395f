package import Loop
package import Model

/// A node that sends on our datagrams.
package struct DatagramPassage {
    /// How it takes them.
    package enum Form: Equatable {
        /// Framed on the stream: gost's UDP over TCP.
        case frames
        /// At this endpoint, for as long as the stream lives: RFC 1928 §7.
        case relay(Endpoint)
    }

    /// How it takes them.
    package let form: Form
    /// The stream on which the node was asked.
    package let socket: StreamSocket
    /// Names of the nodes taken, outermost first.
    package let route: [String]
    /// The destination as the node is told it; unspecified where there may be any number.
    package let destination: Destination
    /// How datagrams to the node's relay leave.
    package let egress: EgressPlan
    /// The node, if it was found just now to have no UDP over TCP.
    package let foundPlain: String?
}

extension Router {
    /// Has the last node of a way carry datagrams: to the destination of `request`, or where that
    /// has the port 0, to any. Nil means that the direct way is to be taken.
    package func openDatagrams(
        _ request: RouteQuery, deadlineNanoseconds: UInt64, onStart: (StreamSocket) -> Void
    ) async throws(DialFault) -> DatagramPassage? {
        guard hasChains else { return nil }
        let isOne = request.destination.port != 0
        if isOne, case .address(let address) = request.destination.host,
            let objection = plan.farObjection(Endpoint(address, request.destination.port))
        {
            throw .denied(objection)
        }
        return try await attempt(request, deadlineNanoseconds) {
            (route, share) async throws(RouteFault) -> DatagramPassage? in
            guard let last = route.steps.last else { return nil }
            let destination =
                isOne ? try await self.farDestination(request, share) : request.destination
            let carriage = try await self.carriage(
                by: last, to: destination, route, request, share, onStart)
            last.hop.succeeded(last.index)
            return DatagramPassage(
                form: carriage.form, socket: carriage.socket, route: route.names,
                destination: destination, egress: last.node.egress,
                foundPlain: carriage.isNews ? last.node.label : nil)
        }
    }

    /// Why a destination must not be asked of a chain; nil allows it.
    package func objection(beyondChain endpoint: Endpoint) -> String? {
        plan.farObjection(endpoint)
    }

    /// What a chain's last node is asked for: the destination, or what the service's own lists and
    /// resolvers say of its name.
    package func destination(
        beyondChain destination: Destination, deadlineNanoseconds: UInt64
    ) async throws(DialFault) -> Destination {
        if case .address(let address) = destination.host,
            let objection = plan.farObjection(Endpoint(address, destination.port))
        {
            throw .denied(objection)
        }
        do throws(RouteFault) {
            return try await farDestination(
                RouteQuery(destination, client: Endpoint(.anyV4, 0), user: nil),
                deadlineNanoseconds)
        } catch {
            throw error.fault
        }
    }

    // MARK: One attempt

    /// A node that carries datagrams, and how; `isNews` where it was found out just now.
    private typealias Carriage = (
        form: DatagramPassage.Form, socket: StreamSocket, isNews: Bool
    )

    /// Asks for gost's form first, unless the node is known to have only the other one. Who does
    /// not know it closes the stream, so the node is reached once more.
    private func carriage(
        by last: Route.Step, to destination: Destination, _ route: Route, _ request: RouteQuery,
        _ deadline: UInt64, _ onStart: (StreamSocket) -> Void
    ) async throws(RouteFault) -> Carriage {
        let connector = last.node.connector
        let mayAssociate = connector.mayAssociate
        let isKnown = mayAssociate && last.node.datagramHabit.isPlain
        if connector.mayFrame, !isKnown {
            let socket = try await reach(route, deadline, request, onStart)
            // A node that says nothing to the question leaves time for the other one.
            let now = socket.loop.nowNanoseconds
            let share = mayAssociate ? now + (max(now, deadline) - now) / 2 : deadline
            do throws(ConnectorFault) {
                switch try await connector.openFrames(to: destination, socket, share) {
                case .accepted: return (.frames, socket, false)
                case .unknown: break
                case .unanswered(let fault):
                    if !mayAssociate || route.steps.count > 1 { throw .node(fault) }
                }
            } catch {
                socket.close()
                throw fault(of: error, last)
            }
            socket.close()
        }
        guard mayAssociate else {
            throw fault(
                of: .node(
                    .refused(
                        "it has no UDP over TCP, which its connector is to use: 'udp: true' may be"
                            + " missing there")), last)
        }
        // Its datagrams go past the nodes before it: only who wrote the file may want that.
        guard route.steps.count == 1 || !connector.mayFrame else {
            throw fault(
                of: .node(
                    .refused(
                        "it has no UDP over TCP, and UDP ASSOCIATE does not go through the nodes"
                            + " before it")), last)
        }
        return try await associate(last, route, request, deadline, onStart)
    }

    private func associate(
        _ last: Route.Step, _ route: Route, _ request: RouteQuery, _ deadline: UInt64,
        _ onStart: (StreamSocket) -> Void
    ) async throws(RouteFault) -> Carriage {
        let connector = last.node.connector
        let socket = try await reach(route, deadline, request, onStart)
        do throws(ConnectorFault) {
            guard let bound = try await connector.openRelay(socket, deadline) else {
                last.node.datagramHabit.forget()
                throw .node(
                    .refused(
                        connector.mayFrame
                            ? "it has neither UDP over TCP nor UDP ASSOCIATE: 'udp: true' may be"
                                + " missing there"
                            : "it has no UDP ASSOCIATE, which its connector is to use: 'udp: true'"
                                + " may be missing there"))
            }
            let relay = try relay(at: bound, of: last.node, route, socket)
            let isNews = connector.mayFrame && last.node.datagramHabit.learnPlain()
            return (.relay(relay), socket, isNews)
        } catch {
            socket.close()
            throw fault(of: error, last)
        }
    }

    /// Where a node's relay is: beside the node where it does not say.
    private func relay(
        at bound: Endpoint, of node: ChainNode, _ route: Route, _ socket: StreamSocket
    ) throws(ConnectorFault) -> Endpoint {
        var relay = bound
        if bound.address.isUnspecified {
            if route.steps.count == 1 {
                relay = Endpoint(socket.peer.address, bound.port)
            } else if case .address(let address) = node.address.host {
                relay = Endpoint(address, bound.port)
            } else {
                throw .node(.refused("it does not say at which address its relay is"))
            }
        }
        if let objection = plan.nodeObjection(relay) {
            throw .node(.refused("it names a relay that is not allowed: \(objection)"))
        }
        return relay
    }

    /// A node that works and carries no datagrams is no worse for streams.
    private func fault(of error: ConnectorFault, _ last: Route.Step) -> RouteFault {
        switch error {
        case .node(.refused(let reason)):
            RouteFault(.node(last.node.label, .refused(reason)), step: last)
        case .node(let fault): blame(last, fault)
        case .beyond(.cut): RouteFault(.cut)
        case .beyond(let fault): RouteFault(.node(last.node.label, .destination(fault)), step: last)
        }
    }
}

extension Connector {
    /// Whether a node may be asked for gost's UDP over TCP.
    fileprivate var mayFrame: Bool {
        switch kind {
        case .http, .passThrough: true
        case .socks5: datagramForm != .associate
        }
    }

    /// Whether a node may be asked for UDP ASSOCIATE.
    fileprivate var mayAssociate: Bool {
        switch kind {
        case .http, .passThrough: false
        case .socks5: datagramForm != .frames
        }
    }
}

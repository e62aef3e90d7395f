import LinuxIO
package import Loop
package import Model

/// Finds and takes ways to destinations, for one service on one loop: directly, or through a chain.
///
/// Names of destinations go down a chain as they are, unless the service has a resolver or a list
/// of hosts of its own.
///
/// ## Concurrency
/// Confined to its loop.
package final class Router {
    /// What a service says about its ways.
    package struct Plan {
        /// The chains; nil goes directly.
        package var group: ChainGroup?
        /// Further attempts after one that failed.
        package var retries = 0
        /// Whether `hash` goes by the destination.
        package var hashesByHost = false
        /// Why a node must not be dialled; nil allows it.
        package var nodeObjection: (Endpoint) -> String? = { _ in nil }
        /// Why a literal destination must not be asked of a chain; nil allows it.
        package var farObjection: (Endpoint) -> String? = { _ in nil }
        /// What happens to names of destinations before they go down a chain.
        package var farNames = FarNames.passed
        /// Whether the direct way depends on where the client connected to.
        package var asksForListener = false
        /// Makes a resolver of this loop.
        package var makeResolver: ((NameChoice) -> any NameResolver)?

        /// The direct way.
        package init() {}
    }

    /// What happens to a destination's name before it goes down a chain.
    package enum FarNames {
        /// Nothing: the last node looks it up.
        case passed
        /// It is replaced if the resolver, a written-down list, has it.
        case written(any NameResolver)
        /// It is looked up here.
        case resolved(any NameResolver)
    }

    private let loop: EventLoop
    private let direct: Dialer
    let plan: Plan
    private var dialers: [Leaving: Dialer] = [:]

    /// How a first node is found and reached.
    private struct Leaving: Hashable {
        let names: NameChoice
        let egress: EgressPlan
    }

    /// A router. `direct` dials destinations where no chain is taken.
    package init(loop: EventLoop, direct: Dialer, plan: Plan) {
        precondition(
            plan.group == nil || plan.makeResolver != nil, "nodes have names to be resolved")
        self.loop = loop
        self.direct = direct
        self.plan = plan
    }

    /// Whether chains are taken at all.
    package var hasChains: Bool { plan.group != nil }

    /// Whether `RouteQuery.listener` is of use.
    package var asksForListener: Bool {
        plan.asksForListener || plan.group?.asksForListener ?? false
    }

    // MARK: Whole ways

    /// Connects to a destination before a deadline, all attempts together. `onStart` gets each
    /// socket as soon as there is one, so that it can be cut.
    package func dial(
        _ request: RouteQuery, deadlineNanoseconds: UInt64, onStart: (StreamSocket) -> Void
    ) async throws(DialFault) -> Upstream {
        guard plan.group != nil else {
            return try await dialDirectly(request, deadlineNanoseconds, onStart)
        }
        if case .address(let address) = request.destination.host,
            let objection = plan.farObjection(Endpoint(address, request.destination.port))
        {
            throw .denied(objection)
        }
        return try await attempt(request, deadlineNanoseconds) {
            (route, share) async throws(RouteFault) in
            try await self.connect(route, request, share, onStart)
        }
    }

    /// Makes attempts until one succeeds, each with its share of the time that is left.
    func attempt<Value>(
        _ request: RouteQuery, _ deadlineNanoseconds: UInt64,
        _ body: (Route, UInt64) async throws(RouteFault) -> Value
    ) async throws(DialFault) -> Value {
        var failed = FailedNodes()
        var last = DialFault.timedOut
        for number in 0...plan.retries {
            let now = loop.nowNanoseconds
            guard now < deadlineNanoseconds, let group = plan.group else { throw last }
            let draw = Selector.Draw(
                key: request.key(byHost: plan.hashesByHost),
                nowMilliseconds: loop.driver.wallMilliseconds(), random: loop.driver.randomWord())
            let chosen = group.choose(request, draw, avoiding: failed)
            let route = chosen?.route ?? Route([])
            let share = (deadlineNanoseconds - now) / UInt64(plan.retries - number + 1)
            do throws(RouteFault) {
                let value = try await body(route, now + share)
                if let chosen { group.succeeded(chosen.chain) }
                return value
            } catch {
                last = error.fault
                if error.fault == .cut || error.isOurDenial { throw last }
                if let step = error.step { failed.insert(step) }
                if error.isOfChain, let chain = chosen?.chain {
                    group.failed(chain, nowMilliseconds: loop.driver.wallMilliseconds())
                }
            }
        }
        throw last
    }

    // MARK: One attempt

    private func connect(
        _ route: Route, _ request: RouteQuery, _ deadline: UInt64,
        _ onStart: (StreamSocket) -> Void
    ) async throws(RouteFault) -> Upstream {
        guard let last = route.steps.last else {
            do throws(DialFault) {
                return try await dialDirectly(request, deadline, onStart)
            } catch {
                throw RouteFault(error, isOurDenial: error.isDenial)
            }
        }
        let destination = try await farDestination(request, deadline)
        let socket = try await reach(route, deadline, request, onStart)
        do throws(ConnectorFault) {
            try await last.node.connector.connect(
                to: destination, over: socket, deadlineNanoseconds: deadline)
        } catch {
            socket.close()
            switch error {
            case .node(let fault):
                throw blame(last, fault)
            case .beyond(.cut):
                throw RouteFault(.cut)
            case .beyond(let fault):
                // The node did its part: no failure of it.
                last.hop.succeeded(last.index)
                throw RouteFault(
                    .node(last.node.label, .destination(fault)), step: last)
            }
        }
        last.hop.succeeded(last.index)
        var endpoint = Endpoint(.anyV4, destination.port)
        if case .address(let address) = destination.host {
            endpoint = Endpoint(address, destination.port)
        }
        return Upstream(socket, to: endpoint, route: route.names)
    }

    /// A stream to the last node of a way that has one.
    func reach(
        _ route: Route, _ deadline: UInt64, _ request: RouteQuery,
        _ onStart: (StreamSocket) -> Void
    ) async throws(RouteFault) -> StreamSocket {
        let first = route.steps[0]
        let socket: StreamSocket
        do throws(DialFault) {
            socket = try await dialer(first.node.names, first.node.egress).dial(
                first.node.address, client: request.client, ingress: request.listener?.address,
                deadlineNanoseconds: deadline, onStart: onStart)
        } catch {
            if error == .cut { throw RouteFault(.cut) }
            throw blame(first, .unreachable(error))
        }
        for (before, step) in zip(route.steps, route.steps.dropFirst()) {
            do throws(ConnectorFault) {
                let address = try await address(of: step.node, deadline)
                try await before.node.introduce(
                    request, over: socket, deadlineNanoseconds: deadline)
                try await before.node.connector.connect(
                    to: address, over: socket, deadlineNanoseconds: deadline)
            } catch {
                socket.close()
                switch error {
                case .node(let fault): throw blame(before, fault)
                case .beyond(.cut): throw RouteFault(.cut)
                case .beyond(let fault):
                    before.hop.succeeded(before.index)
                    throw blame(step, .unreachable(fault))
                }
            }
            before.hop.succeeded(before.index)
        }
        let last = route.steps[route.steps.count - 1]
        do throws(ConnectorFault) {
            try await last.node.introduce(request, over: socket, deadlineNanoseconds: deadline)
        } catch {
            socket.close()
            if case .node(let fault) = error { throw blame(last, fault) }
            throw RouteFault(.cut)
        }
        return socket
    }

    /// A node behind another is asked for by its name, unless it has a resolver of its own.
    private func address(
        of node: ChainNode, _ deadline: UInt64
    ) async throws(ConnectorFault) -> Destination {
        guard !node.names.isSystem, node.address.name != nil else { return node.address }
        do throws(DialFault) {
            let found = try await dialer(node.names).endpoints(
                of: node.address, client: Endpoint(.loopbackV4, 0), deadlineNanoseconds: deadline)
            return found.first.map { Destination($0) } ?? node.address
        } catch {
            throw .beyond(error)
        }
    }

    /// Marks a node as failed, and says so.
    func blame(_ step: Route.Step, _ fault: NodeFault) -> RouteFault {
        step.hop.failed(step.index, nowMilliseconds: loop.driver.wallMilliseconds())
        return RouteFault(.node(step.node.label, fault), step: step, isOfChain: true)
    }

    // MARK: Ends

    private func dialDirectly(
        _ request: RouteQuery, _ deadline: UInt64, _ onStart: (StreamSocket) -> Void
    ) async throws(DialFault) -> Upstream {
        let socket = try await direct.dial(
            request.destination, client: request.client, ingress: request.listener?.address,
            deadlineNanoseconds: deadline, onStart: onStart)
        return Upstream(socket, to: socket.peer)
    }

    /// What the last node is asked for.
    func farDestination(
        _ request: RouteQuery, _ deadline: UInt64
    ) async throws(RouteFault) -> Destination {
        guard let name = request.destination.name else { return request.destination }
        let addresses: [IPAddress]
        do throws(NameFault) {
            switch plan.farNames {
            case .passed: return request.destination
            case .written(let resolver), .resolved(let resolver):
                addresses = try await resolver.resolve(name, deadlineNanoseconds: deadline)
            }
        } catch {
            if case .written = plan.farNames { return request.destination }
            throw RouteFault(.name(error))
        }
        var reason: String?
        for address in addresses {
            let endpoint = Endpoint(address, request.destination.port)
            guard let objection = plan.farObjection(endpoint) else { return Destination(endpoint) }
            reason = objection
        }
        throw RouteFault(.denied(reason ?? "the name has no address"), isOurDenial: true)
    }

    private func dialer(_ names: NameChoice, _ egress: EgressPlan = .anywhere) -> Dialer {
        let leaving = Leaving(names: names, egress: egress)
        if let known = dialers[leaving] { return known }
        guard let makeResolver = plan.makeResolver else {
            preconditionFailure("nodes have names to be resolved")
        }
        let objection = plan.nodeObjection
        let dialer = Dialer(
            loop: loop, resolver: makeResolver(names), egress: egress,
            objection: { endpoint, _ in
                objection(endpoint)
            })
        dialers[leaving] = dialer
        return dialer
    }
}

/// Why one attempt failed, and whose failure it is.
struct RouteFault: Error {
    /// What is said in the end.
    let fault: DialFault
    /// The node that the next attempt leaves out if it can.
    let step: Route.Step?
    /// Whether a node of the chain failed, and not the destination.
    let isOfChain: Bool
    /// Whether our own rules forbid it, on whichever way.
    let isOurDenial: Bool

    init(
        _ fault: DialFault, step: Route.Step? = nil, isOfChain: Bool = false,
        isOurDenial: Bool = false
    ) {
        self.fault = fault
        self.step = step
        self.isOfChain = isOfChain
        self.isOurDenial = isOurDenial
    }
}

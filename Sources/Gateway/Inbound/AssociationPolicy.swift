import LinuxIO
import Loop
import Metering
import Model
import PluginKit
import Relay
import Routing

/// Decides about an association's destinations, and keeps the records of its flows.
///
/// ## Concurrency
/// Confined to its loop.
final class AssociationPolicy: DatagramPolicy {
    private let desk: ServiceDesk
    private let user: String?
    private let isDoor: Bool
    private let isTunnel: Bool
    private var farNames: UInt64 = 0
    private var awaitedWays = 0

    /// A policy. `isDoor` where clients come without a connection that was admitted; `isTunnel`
    /// where the datagrams of an association go through nodes.
    init(desk: ServiceDesk, user: String?, isDoor: Bool = false, isTunnel: Bool = false) {
        self.desk = desk
        self.user = user
        self.isDoor = isDoor
        self.isTunnel = isTunnel
    }

    // MARK: Associations, and forwarding without nodes

    func route(
        _ destination: Destination, client: Endpoint, later: @escaping (Endpoint?) -> Void
    ) -> DatagramRoute {
        if destination.port == 0 { return .refused }
        if let refusal = desk.limitRefusal(user: user, client: client) {
            log(destination, client, "not allowed: \(refusal)")
            return .refused
        }
        if case .address(let address) = destination.host {
            let endpoint = Endpoint(address, destination.port)
            if desk.admissions.isEmpty {
                guard
                    let reason = desk.bypass(destination, .udp)
                        ?? objection(to: endpoint, client: client)
                else {
                    return .to(endpoint)
                }
                log(destination, client, "not allowed: \(reason)")
                return .refused
            }
        }
        desk.station.loop.start { [self] in
            // Resumed by the loop in any case, so that the caller is not called from within.
            await desk.station.loop.nextTurn()
            later(await endpoint(of: destination, client: client))
        }
        return .pending
    }

    private func objection(to endpoint: Endpoint, client: Endpoint) -> String? {
        isTunnel
            ? desk.router.objection(beyondChain: endpoint)
            : desk.dialer.objection(to: endpoint, client: client)
    }

    /// Asks plugins, then for the address; nil where datagrams may not go.
    private func endpoint(of destination: Destination, client: Endpoint) async -> Endpoint? {
        let deadline = desk.station.loop.nowNanoseconds + desk.settings.dialNanoseconds
        if let refusal = await desk.refusal(
            user: user, transport: .udp, client: client, destination: destination)
        {
            log(destination, client, "not allowed: \(refusal)")
            return nil
        }
        do throws(DialFault) {
            if isTunnel {
                return endpoint(
                    beyondChain: try await desk.router.destination(
                        beyondChain: destination, deadlineNanoseconds: deadline))
            }
            return try await desk.dialer.endpoints(
                of: destination, client: client, deadlineNanoseconds: deadline
            ).first
        } catch {
            log(destination, client, error.reason)
            return nil
        }
    }

    /// Where a destination that a node is told is known by here.
    private func endpoint(beyondChain destination: Destination) -> Endpoint {
        if case .address(let address) = destination.host {
            return Endpoint(address, destination.port)
        }
        farNames += 1
        return FarName.endpoint(farNames, port: destination.port)
    }

    // MARK: Forwarding through nodes

    var opensWays: Bool { isDoor && desk.router.hasChains }

    func reach(
        _ destination: Destination, client: Endpoint, later: @escaping (DatagramWay?) -> Void
    ) {
        let isFree = awaitedWays < Limits.waysAwaited
        if isFree { awaitedWays += 1 }
        desk.station.loop.start { [self] in
            await desk.station.loop.nextTurn()
            guard isFree else {
                log(destination, client, "too many clients wait for a way")
                return later(nil)
            }
            let way = await way(to: destination, client: client)
            awaitedWays -= 1
            later(way)
        }
    }

    private func way(to destination: Destination, client: Endpoint) async -> DatagramWay? {
        // Who may not come in has nothing opened for him.
        guard desk.admits(client.address) else { return nil }
        if let refusal = await desk.refusal(
            user: user, transport: .udp, client: client, destination: destination)
        {
            log(destination, client, "not allowed: \(refusal)")
            return nil
        }
        do throws(DialFault) {
            if let passage = try await desk.openPassage(
                RouteQuery(destination, transport: .udp, client: client, user: user))
            {
                return DatagramWay(
                    far: passage.far, endpoint: endpoint(beyondChain: passage.destination),
                    destination: passage.destination)
            }
            let deadline = desk.station.loop.nowNanoseconds + desk.settings.dialNanoseconds
            let endpoints = try await desk.dialer.endpoints(
                of: destination, client: client, deadlineNanoseconds: deadline)
            guard let endpoint = endpoints.first else { return nil }
            return DatagramWay(
                far: try desk.directDatagrams(to: endpoint, ingress: nil),
                endpoint: endpoint, destination: Destination(endpoint))
        } catch {
            log(destination, client, error.reason)
            return nil
        }
    }

    func leave(
        to destination: Endpoint, client: Endpoint, ingress: IPAddress, _ context: DatagramContext
    ) -> FarSide? {
        do throws(DialFault) {
            return try desk.directDatagrams(to: destination, ingress: ingress)
        } catch {
            log(Destination(destination), client, error.reason)
            return nil
        }
    }

    // MARK: Flows

    func open(
        client: Endpoint, destination: Endpoint, host: String?, listener: Endpoint, far: FarSide
    ) -> FlowMeter? {
        desk.flows.open(
            FlowFactory.Facts(
                user: user, transport: .udp, client: client, destination: destination, host: host,
                route: far.way?.route ?? [], listener: listener,
                upstreamLocal: far.way?.local ?? far.local,
                upstreamRemote: far.way?.remote ?? destination))
    }

    func admit(client: Endpoint) -> DatagramAdmission {
        guard isDoor else { return .admitted(desk.limits(user: user, client: client)) }
        guard desk.admits(client.address), let arrival = desk.arrive(client) else {
            return .refused
        }
        return .admitted(desk.limits(user: user, client: client, ticket: arrival.ticket))
    }

    func ended(_ flow: FlowInfo, _ counts: FlowCounts, _ end: FlowEnd) { desk.flows.ended(flow) }

    private func log(_ destination: Destination, _ client: Endpoint, _ reason: String) {
        desk.logFailure(
            .info, "datagrams refused", client: client, user: user, destination: destination,
            reason: reason)
    }
}

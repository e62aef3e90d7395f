import Codecs
import Limiting
import LinuxIO
import Loop
import Metering
import Model
import PluginKit
import Relay
import Routing

/// UDP ASSOCIATE: opens an association and keeps it as long as its TCP connection lives
/// (RFC 1928 §7).
struct AssociationServer {
    let server: SOCKSServer
    let user: String?

    /// Serves the association to its end.
    func serve(_ requested: Destination) async {
        let (desk, socket) = (server.desk, server.socket)
        guard desk.station.takeAssociation() else {
            return await server.refuse(
                .generalFailure, "too many associations", user: user, requested)
        }
        defer { desk.station.giveBackAssociation() }
        let policy = AssociationPolicy(desk: desk, user: user)
        do throws(Errno) {
            let local = try socket.localEndpoint()
            let association = try open(policy, requested, local.address)
            try association.start()
            desk.passing.occupy(association.listener)
            defer { desk.passing.vacate(association.listener) }
            let told = Endpoint(
                server.socks.publicAddress ?? local.address, association.listener.port)
            if await server.say(.succeeded, bound: told, .five) {
                let end = await waitForEnd()
                association.end(end)
                if association.strayPackets > 0 {
                    server.log(
                        .debug, "association ended",
                        "\(association.strayPackets) datagrams belonged to no flow", user: user)
                }
            } else {
                association.end(FlowEnd(by: .client, phase: .handshake, cause: .reset))
            }
            socket.close()
        } catch {
            await server.refuse(.generalFailure, error.description, user: user, requested)
        }
    }

    /// The client's datagrams come from its TCP address; a port is fixed if the request named one.
    private func open(
        _ policy: AssociationPolicy, _ requested: Destination, _ local: IPAddress
    ) throws(Errno) -> SOCKSAssociation {
        let (desk, peer) = (server.desk, server.socket.peer)
        var port: UInt16 = 0
        if case .address(let address) = requested.host, address == peer.address {
            port = requested.port
        }
        let client = Endpoint(peer.address, port)
        let idle = desk.settings.datagramIdleNanoseconds
        guard let ports = server.socks.datagramPorts else {
            return try SOCKSAssociation(
                desk.station.datagrams, policy: policy, client: client, at: Endpoint(local, 0),
                idleNanoseconds: idle)
        }
        let start = Int(desk.station.loop.driver.randomWord() % UInt64(ports.count))
        var last = Errno.addressInUse
        for offset in 0..<ports.count {
            let port = ports.lowerBound + UInt16((start + offset) % ports.count)
            do throws(Errno) {
                return try SOCKSAssociation(
                    desk.station.datagrams, policy: policy, client: client,
                    at: Endpoint(local, port), idleNanoseconds: idle)
            } catch {
                last = error
                guard error == Errno.addressInUse else { throw error }
            }
        }
        throw last
    }

    /// Waits for the control connection's end; what the client says on it is read away.
    private func waitForEnd() async -> FlowEnd {
        let socket = server.socket
        socket.clearDeadline()
        do throws(StreamFault) {
            while true {
                socket.consume(socket.unread.count)
                try await socket.fill()
            }
        } catch {
            return switch error {
            case .ended, .failed: FlowEnd(by: .client, phase: .relay, cause: .controlClosed)
            case .timedOut, .cut: FlowEnd(by: .gateway, phase: .relay, cause: .shutdown)
            }
        }
    }
}

/// Decides about an association's destinations.
///
/// ## Concurrency
/// Confined to its loop.
final class AssociationPolicy: DatagramPolicy {
    private let desk: ServiceDesk
    private let user: String?
    private let isDoor: Bool

    /// A policy. `isDoor` where clients come without a connection that was admitted.
    init(desk: ServiceDesk, user: String?, isDoor: Bool = false) {
        self.desk = desk
        self.user = user
        self.isDoor = isDoor
    }

    func route(
        _ destination: Destination, client: Endpoint, later: @escaping (Endpoint?) -> Void
    ) -> DatagramRoute {
        if destination.port == 0 { return .refused }
        if let refusal = desk.limitRefusal(user: user, client: client) {
            log(destination, client, "not allowed: \(refusal)")
            return .refused
        }
        if case .address(let address) = destination.host, desk.admissions.isEmpty {
            let endpoint = Endpoint(address, destination.port)
            if let reason = desk.bypass(destination, .udp)
                ?? desk.dialer.objection(to: endpoint, client: client)
            {
                log(destination, client, "not allowed: \(reason)")
                return .refused
            }
            return .to(endpoint)
        }
        let desk = desk
        desk.station.loop.start { [self] in
            let deadline = desk.station.loop.nowNanoseconds + desk.settings.dialNanoseconds
            // Resumed by the loop in any case, so that the caller is not called from within.
            await desk.station.loop.nextTurn()
            if let refusal = await desk.refusal(
                user: user, transport: .udp, client: client, destination: destination)
            {
                log(destination, client, "not allowed: \(refusal)")
                return later(nil)
            }
            do throws(DialFault) {
                let endpoints = try await desk.dialer.endpoints(
                    of: destination, client: client, deadlineNanoseconds: deadline)
                later(endpoints.first)
            } catch {
                log(destination, client, error.reason)
                later(nil)
            }
        }
        return .pending
    }

    func open(
        client: Endpoint, destination: Endpoint, host: String?, listener: Endpoint,
        upstreamLocal: Endpoint
    ) -> FlowMeter? {
        desk.flows.open(
            FlowFactory.Facts(
                user: user, transport: .udp, client: client, destination: destination, host: host,
                listener: listener, upstreamLocal: upstreamLocal, upstreamRemote: destination))
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

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
        // From here the chain has its own deadline; the client may wait for it.
        socket.clearDeadline()
        let far: FarSide
        do throws(DialFault) {
            far = try await desk.openDatagrams(user: user, client: socket)
        } catch {
            return await server.fail(error, user: user, requested, .five)
        }
        do throws(Errno) {
            let local = try socket.localEndpoint()
            let association = try open(far, requested, local.address)
            try association.start()
            await relay(
                association,
                Endpoint(
                    server.socks.publicAddress ?? local.address,
                    association.listener.port))
        } catch {
            far.close()
            await server.refuse(.generalFailure, error.description, user: user, requested)
        }
    }

    private func relay(_ association: SOCKSAssociation, _ told: Endpoint) async {
        let (desk, socket) = (server.desk, server.socket)
        desk.passing.occupy(association.listener)
        defer { desk.passing.vacate(association.listener) }
        if await server.say(.succeeded, bound: told, .five) {
            // A node may end it too.
            association.whenEnded { _ in socket.cut() }
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
    }

    /// The client's datagrams come from its TCP address; a port is fixed if the request named one.
    private func open(
        _ far: FarSide, _ requested: Destination, _ local: IPAddress
    ) throws(Errno) -> SOCKSAssociation {
        let peer = server.socket.peer
        var port: UInt16 = 0
        if case .address(let address) = requested.host, address == peer.address {
            port = requested.port
        }
        let client = Endpoint(peer.address, port)
        guard let ports = server.socks.datagramPorts else {
            return try open(far, client, at: Endpoint(local, 0))
        }
        let start = Int(server.desk.station.loop.driver.randomWord() % UInt64(ports.count))
        var last = Errno.addressInUse
        for offset in 0..<ports.count {
            let port = ports.lowerBound + UInt16((start + offset) % ports.count)
            do throws(Errno) {
                return try open(far, client, at: Endpoint(local, port))
            } catch {
                last = error
                guard error == Errno.addressInUse else { throw error }
            }
        }
        throw last
    }

    private func open(
        _ far: FarSide, _ client: Endpoint, at endpoint: Endpoint
    ) throws(Errno) -> SOCKSAssociation {
        let desk = server.desk
        return try SOCKSAssociation(
            desk.station.datagrams,
            policy: AssociationPolicy(desk: desk, user: user, isTunnel: far.way != nil),
            client: client, at: endpoint, idleNanoseconds: desk.settings.datagramIdleNanoseconds,
            far: far)
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

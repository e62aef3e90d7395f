import Codecs
import LinuxIO
import Loop
import Model
import PluginKit
import Relay
import Routing

/// gost's UDP over TCP, command 0xF3: an association whose datagrams are framed on the client's own
/// stream, behind the reply. It ends with the stream.
struct FramedAssociationServer {
    let server: SOCKSServer
    let user: String?

    /// Serves the association to its end.
    func serve(_ requested: Destination) async {
        let (desk, socket) = (server.desk, server.socket)
        guard requested.port == 0 else {
            return await server.refuse(
                .commandNotSupported, "ports are not bound over TCP", user: user, requested)
        }
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
            let listener = try socket.localEndpoint()
            guard await server.say(.succeeded, bound: far.local, .five) else {
                return far.close()
            }
            await relay(far, listener)
        } catch {
            far.close()
            await server.refuse(.generalFailure, error.description, user: user, requested)
        }
    }

    private func relay(_ far: FarSide, _ listener: Endpoint) async {
        let (desk, socket) = (server.desk, server.socket)
        let early = Array(socket.unread)
        let association = SOCKSAssociation(
            desk.station.datagrams,
            policy: AssociationPolicy(desk: desk, user: user, isTunnel: far.way != nil),
            client: socket.peer, listener: listener,
            idleNanoseconds: desk.settings.datagramIdleNanoseconds, far: far,
            stream: socket.detach(), early: early)
        desk.station.track(association)
        defer { desk.station.untrack(association) }
        do throws(Errno) {
            try association.start()
        } catch {
            return server.log(.info, "association failed", error.description, user: user)
        }
        let end = await association.untilEnd()
        if end.cause == .malformed || association.strayPackets > 0 {
            server.log(
                .debug, "association ended",
                "\(end.cause.name), \(association.strayPackets) datagrams belonged to no flow",
                user: user)
        }
    }
}

extension SOCKSAssociation: Cuttable {
    /// Ends it because the gateway stops.
    func cut() { end(FlowEnd(by: .gateway, phase: .relay, cause: .shutdown)) }
}

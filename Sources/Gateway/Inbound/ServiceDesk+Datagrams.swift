import LinuxIO
import Loop
import Metering
import Model
import PluginKit
import Relay
import Routing

/// Ways for datagrams.
extension ServiceDesk {
    /// Opens a way for a client's datagrams, one for all its destinations.
    func openDatagrams(user: String?, client: StreamSocket) async throws(DialFault) -> FarSide {
        let query = query(Destination(Endpoint(.anyV4, 0)), .udp, user: user, client)
        if let passage = try await openPassage(query) { return passage.far }
        return try directDatagrams(to: nil, ingress: query.listener?.address)
    }

    /// A socket towards one destination or, where that is nil, towards everybody, by the first way
    /// out that a socket can take.
    func directDatagrams(
        to destination: Endpoint?, ingress: IPAddress?
    ) throws(DialFault) -> FarSide {
        try Self.first(
            settings.egress.egresses(towards: destination?.address, ingress: ingress)
        ) { (egress) throws(Errno) in
            guard let destination else {
                return try FarSide.direct(station.datagrams, by: egress)
            }
            return try FarSide.direct(station.datagrams, to: destination, by: egress)
        }
    }

    private static func first(
        _ egresses: [Egress], _ make: (Egress) throws(Errno) -> FarSide
    ) throws(DialFault) -> FarSide {
        var fault = DialFault.noWayOut
        for egress in egresses {
            do throws(Errno) {
                return try make(egress)
            } catch {
                fault = DialFault(error, by: egress)
            }
        }
        throw fault
    }

    /// Opens a way through nodes, and says what the last of them is told of the destination; nil
    /// where datagrams go directly.
    func openPassage(
        _ query: RouteQuery
    ) async throws(DialFault) -> (far: FarSide, destination: Destination)? {
        var started: StreamSocket?
        defer { if let started { station.untrack(started) } }
        let passage = try await router.openDatagrams(
            query, deadlineNanoseconds: station.loop.nowNanoseconds + settings.dialNanoseconds,
            onStart: { [station] socket in
                if let started { station.untrack(started) }
                started = socket
                station.track(socket)
            })
        guard let passage else { return nil }
        if let node = passage.foundPlain {
            station.journal(
                .info, "node has no UDP over TCP; UDP ASSOCIATE is used from now on",
                [("service", settings.metered.info.service), ("node", node)])
        }
        return (try far(passage, query), passage.destination)
    }

    private func far(
        _ passage: DatagramPassage, _ query: RouteQuery
    ) throws(DialFault) -> FarSide {
        // To its relay as to the node itself: what led there just now leads there again.
        var egress = Egress.anywhere
        if case .relay(let relay) = passage.form {
            let egresses = passage.egress.egresses(
                towards: relay.address, ingress: query.listener?.address)
            guard let first = egresses.first(where: { canLeave(by: $0, to: relay) }) else {
                passage.socket.close()
                throw .noWayOut
            }
            egress = first
        }
        do throws(Errno) {
            switch passage.form {
            case .frames:
                return try FarSide.frames(
                    station.datagrams, on: passage.socket, route: passage.route)
            case .relay(let relay):
                return try FarSide.node(
                    station.datagrams, relay: relay, control: passage.socket,
                    route: passage.route, by: egress)
            }
        } catch {
            throw DialFault(error, by: egress)
        }
    }

    /// Whether a socket can be made that leaves so: a failure would end the stream to the node.
    private func canLeave(by egress: Egress, to relay: Endpoint) -> Bool {
        if egress.isAnywhere { return true }
        guard let side = try? FarSide.direct(station.datagrams, to: relay, by: egress) else {
            return false
        }
        side.close()
        return true
    }
}

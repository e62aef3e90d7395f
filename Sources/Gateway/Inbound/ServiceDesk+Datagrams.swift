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
        let passage = try await openPassage(
            query(Destination(Endpoint(.anyV4, 0)), .udp, user: user, client))
        if let passage { return passage.far }
        do throws(Errno) {
            return try FarSide.direct(station.datagrams)
        } catch {
            throw DialFault(error)
        }
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
        do throws(Errno) {
            return (try far(passage), passage.destination)
        } catch {
            throw DialFault(error)
        }
    }

    private func far(_ passage: DatagramPassage) throws(Errno) -> FarSide {
        switch passage.form {
        case .frames:
            try FarSide.frames(station.datagrams, on: passage.socket, route: passage.route)
        case .relay(let relay):
            try FarSide.node(
                station.datagrams, relay: relay, control: passage.socket, route: passage.route)
        }
    }
}

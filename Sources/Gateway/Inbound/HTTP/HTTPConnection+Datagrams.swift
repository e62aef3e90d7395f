import Codecs
import LinuxIO
import Loop
import Model
import PluginKit
import Relay
import Routing

/// gost's UDP over HTTP: CONNECT with `X-Gost-Protocol: udp`. Behind the answer, datagrams are
/// framed on the client's stream as behind SOCKS5 command 0xF3; each names its own destination.
extension HTTPConnection {
    /// Serves an association to its end; whether another request may follow.
    func associate(
        user: String?, _ head: HTTP1.RequestHead
    ) async throws(HTTPStop) -> Bool {
        guard settings.servesDatagrams else {
            log(.info, "request refused", HTTPAnswer.noDatagrams.text, user)
            return try await answer(.noDatagrams, to: head)
        }
        guard desk.station.takeAssociation() else {
            log(.info, "request refused", HTTPAnswer.noAssociation.text, user)
            return try await answer(.noAssociation, to: head)
        }
        defer { desk.station.giveBackAssociation() }
        let far: FarSide
        do throws(DialFault) {
            far = try await desk.openDatagrams(user: user, client: client.socket)
        } catch {
            if error == .cut { throw .cut }
            log(.info, "connect failed", error.reason, user)
            return try await answer(HTTPAnswer(error), to: head)
        }
        do throws(HTTPStop) {
            try await write(Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8))
        } catch {
            far.close()
            throw error
        }
        await relay(far, user: user)
        return false
    }

    private func relay(_ far: FarSide, user: String?) async {
        let (peer, early) = (client.socket.peer, client.takeHeld())
        handOver()
        let association = SOCKSAssociation(
            desk.station.datagrams,
            policy: AssociationPolicy(desk: desk, user: user, isTunnel: far.way != nil),
            client: peer, listener: listener,
            idleNanoseconds: desk.settings.datagramIdleNanoseconds, far: far,
            stream: client.socket.detach(), early: early)
        desk.station.track(association)
        defer { desk.station.untrack(association) }
        do throws(Errno) {
            try association.start()
        } catch {
            return log(.info, "association failed", error.description, user)
        }
        _ = await association.untilEnd()
    }
}

extension HTTPAnswer {
    /// The service has no `udp: true`.
    static let noDatagrams = HTTPAnswer(
        403, error: "http_request_denied", "datagrams are not served here")
    /// The loop has as many associations as it may.
    static let noAssociation = HTTPAnswer(
        503, error: "connection_limit_reached", "the proxy has too many associations")
}

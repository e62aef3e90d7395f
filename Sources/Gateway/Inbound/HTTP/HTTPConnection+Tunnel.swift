import Codecs
import LinuxIO
import Loop
import Metering
import Model
import PluginKit
import Relay
import Routing

/// CONNECT, and protocols that client and origin change to: from then on it is a relay.
extension HTTPConnection {
    /// Serves CONNECT; whether another request may follow.
    func tunnel(
        _ destination: Destination, user: String?, _ head: HTTP1.RequestHead
    ) async throws(HTTPStop) -> Bool {
        let upstream: Upstream
        do throws(DialFault) {
            upstream = try await desk.dial(destination, user: user, client: client.socket)
        } catch {
            if error == .cut { throw .cut }
            log(.info, "connect failed", error.reason, user, destination)
            return try await answer(HTTPAnswer(error), to: head)
        }
        let local: Endpoint
        do throws(Errno) {
            local = try upstream.socket.localEndpoint()
        } catch {
            upstream.socket.reset()
            return try await answer(HTTPAnswer(.failed(error)), to: head)
        }
        let reply = Array(
            "HTTP/1.1 200 Connection established\r\nProxy-Agent: \(settings.agent)\r\n\r\n".utf8)
        do throws(HTTPStop) {
            try await write(reply)
        } catch {
            upstream.socket.reset()
            throw error
        }
        let early = client.takeHeld()
        handOver()
        desk.relay(
            client.socket, upstream, user: user, host: destination.name, listener: listener,
            upstreamLocal: local,
            handshake: ServiceDesk.Handshake(
                early: early, uplinkBytes: UInt64(headByteCount),
                downlinkBytes: UInt64(reply.count)))
        return false
    }
}

extension HTTPExchange {
    /// The origin changes to the protocol that the client offered. The heads are the tunnel's
    /// handshake: overhead, not payload. Returns false: nothing follows here.
    func changeProtocol(_ answer: HTTP1.ResponseHead, _ rest: UnsafeRawBufferPointer) -> Bool {
        guard terms.upgrade != nil, answer.fields.contains("upgrade") else {
            fail(
                .answer(.unasked), FlowEnd(by: .upstream, phase: .relay, cause: .malformed))
            return false
        }
        dropUplink()
        shop.hop.encode(
            answer, .init(content: .upgrade, connection: "upgrade"), into: &shop.page)
        let early = StreamRelay.Early(uplink: client.takeHeld(), downlink: Array(rest))
        // A client that has not taken 1xx before takes no tunnel either: the relay begins with the
        // head, as bytes that are not counted.
        let sent = client.hasPending ? nil : client.write(shop.page)
        guard case .took(let count)? = sent, count == shop.page.count else {
            fail(.stop(.broken), FlowEnd(by: .client, phase: .relay, cause: .failed))
            return false
        }
        meter.countOverhead(
            uplinkBytes: UInt64(connection.headByteCount), downlinkBytes: UInt64(count))
        handOver()
        StreamRelay(
            connection.desk.terms, meter: meter, client: client.socket.detach(),
            upstream: origin.socket.detach(), early: early, limits: limits
        ).start()
        return false
    }
}

extension HTTPAnswer {
    /// The origin changed to a protocol that nobody offered.
    static let unasked = HTTPAnswer(
        502, error: "http_protocol_error", "the server changed to another protocol unasked")
}

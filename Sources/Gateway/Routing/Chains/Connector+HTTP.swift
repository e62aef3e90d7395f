import Codecs
import Loop
import Model

extension Connector {
    /// CONNECT (RFC 9110 §9.3.6); nowhere where datagrams follow, each with its destination.
    func connectHTTP(
        to destination: Destination?, over socket: StreamSocket, fields: [Field]
    ) async throws(ConnectorFault) {
        let request = HTTPConnect.request(
            to: destination, login: login.map { ($0.username, $0.password) },
            fields: fields.map { ($0.name, $0.value) })
        try await Self.write(request, to: socket)
        let start = socket.receivedBytes
        while true {
            let code = try await Self.read(
                HTTPConnect.decodeStatus, from: socket, awaitsOutcome: true)
            try await skipFields(of: socket, from: start)
            // Interim answers come before the final one (RFC 9110 §15.2).
            if code >= 200 { return try Self.judge(code) }
        }
    }

    private func skipFields(
        of socket: StreamSocket, from start: UInt64
    ) async throws(ConnectorFault) {
        var skipper = HTTPConnect.FieldSkipper()
        while true {
            let (consumed, isDone) = skipper.skip(socket.unread.bytes)
            socket.consume(consumed)
            if isDone { return }
            guard socket.receivedBytes - start < Limits.proxyAnswerBytes else {
                throw .node(.malformed("an answer without an end"))
            }
            do throws(StreamFault) {
                try await socket.fill()
            } catch {
                throw ConnectorFault(error)
            }
        }
    }

    private static func judge(_ code: Int) throws(ConnectorFault) {
        switch code {
        case 200...299: return
        case 407: throw .node(.loginRefused)
        case 403: throw .beyond(.denied("the node answered 403"))
        case 502, 503: throw .beyond(.hostUnreachable)
        case 504: throw .beyond(.timedOut)
        default: throw .node(.refused("it answered \(code)"))
        }
    }
}

import Bytes
import Codecs
import Loop
import Model

extension Connector {
    /// CONNECT of SOCKS5 (RFC 1928 §4).
    func connectSOCKS(
        to destination: Destination, over socket: StreamSocket
    ) async throws(ConnectorFault) {
        try await logIn(over: socket)
        let reply = try await request(.connect, destination, over: socket)
        try Self.judge(reply.code)
    }

    /// Method and login (RFC 1928 §3, RFC 1929).
    func logIn(over socket: StreamSocket) async throws(ConnectorFault) {
        let greeting = SOCKS5.Greeting(login == nil ? [.open] : [.open, .password])
        try await Self.write(
            [UInt8](capacity: 4) { greeting.encode(into: &$0) }, to: socket)
        switch try await Self.read(SOCKS5.Method.decodeReply, from: socket) {
        case .open:
            return
        case .password:
            guard let login else { throw .node(.loginRefused) }
            let credentials = SOCKS5.Credentials(
                username: login.username, password: login.password)
            var isWhole = true
            let bytes = [UInt8](capacity: SOCKS5.Credentials.maximumByteCount) {
                isWhole = credentials.encode(into: &$0)
            }
            precondition(isWhole, "a login longer than its configuration allows")
            try await Self.write(bytes, to: socket)
            let accepted = try await Self.read(
                SOCKS5.Credentials.decodeReply, from: socket)
            if !accepted { throw .node(.loginRefused) }
        case .noneAcceptable:
            throw .node(.loginRefused)
        default:
            throw .node(.malformed("a method that was not offered"))
        }
    }

    /// One request, and the reply to it.
    func request(
        _ command: SOCKS5.Command, _ destination: Destination, over socket: StreamSocket
    ) async throws(ConnectorFault) -> SOCKS5.Reply {
        let request = SOCKS5.Request(command: command, destination: destination)
        var isWhole = true
        let bytes = [UInt8](capacity: SOCKS5.Request.maximumByteCount) {
            isWhole = request.encode(into: &$0)
        }
        guard isWhole else { throw .beyond(.name(.notFound)) }
        try await Self.write(bytes, to: socket)
        return try await Self.read(SOCKS5.Reply.decode, from: socket, awaitsOutcome: true)
    }

    /// Nothing for success, else what the code means (RFC 1928 §6).
    static func judge(_ code: SOCKS5.Reply.Code) throws(ConnectorFault) {
        switch code {
        case .succeeded: return
        case .generalFailure: throw .node(.refused("general failure"))
        case .notAllowed: throw .beyond(.denied("the node does not allow it"))
        case .networkUnreachable: throw .beyond(.networkUnreachable)
        case .hostUnreachable: throw .beyond(.hostUnreachable)
        case .connectionRefused: throw .beyond(.refused)
        case .ttlExpired: throw .beyond(.timedOut)
        case .commandNotSupported: throw .node(.refused("it does not serve the command"))
        case .addressTypeNotSupported:
            throw .node(.refused("it does not take the kind of address"))
        }
    }
}

import Codecs
import Loop
import Model

extension Connector {
    /// How a node of SOCKS5 is asked to carry datagrams.
    package enum DatagramForm: Sendable {
        /// For gost's UDP over TCP first; for UDP ASSOCIATE where the node does not know that.
        case any
        /// For gost's UDP over TCP only.
        case frames
        /// For UDP ASSOCIATE (RFC 1928 §7) only.
        case associate
    }

    /// What a node says to the question for gost's UDP over TCP.
    enum FramesAnswer {
        /// Frames follow.
        case accepted
        /// It does not know the question: it said so, or ended the stream over it, as some do.
        case unknown
        /// It said nothing, which may be for other reasons.
        case unanswered(NodeFault)
    }

    /// Asks for gost's UDP over TCP. Over HTTP the question names the destination.
    func openFrames(
        to destination: Destination, _ socket: StreamSocket, _ deadlineNanoseconds: UInt64
    ) async throws(ConnectorFault) -> FramesAnswer {
        setDeadline(on: socket, deadlineNanoseconds)
        switch kind {
        case .http(let fields):
            try await openHTTPFrames(to: destination, socket, fields)
            return .accepted
        case .passThrough:
            throw .node(.refused("its connector carries no UDP"))
        case .socks5:
            try await logIn(over: socket)
        }
        let reply: SOCKS5.Reply
        do throws(ConnectorFault) {
            reply = try await request(.udpOverTCP, Self.nowhere, over: socket)
        } catch {
            switch error {
            case .node(.ended): return .unknown
            case .node(.failed(let reason)): return .unanswered(.failed(reason))
            case .beyond(.timedOut): return .unanswered(.timedOut)
            case .node, .beyond: throw error
            }
        }
        if reply.code == .commandNotSupported { return .unknown }
        try Self.judgeDatagrams(reply.code)
        return .accepted
    }

    /// CONNECT with a field that asks for datagrams; frames follow the answer.
    private func openHTTPFrames(
        to destination: Destination, _ socket: StreamSocket, _ fields: [Field]
    ) async throws(ConnectorFault) {
        do throws(ConnectorFault) {
            try await connectHTTP(
                to: destination.port == 0 ? nil : destination, over: socket,
                fields: fields + [Field(name: "X-Gost-Protocol", value: "udp")])
        } catch {
            guard case .beyond(.denied) = error else { throw error }
            throw .node(.refused("it answered 403: 'udp: true' may be missing there"))
        }
    }

    /// Asks for UDP ASSOCIATE (RFC 1928 §7): where the node takes datagrams, with an unspecified
    /// address where it is the one that was connected to. Nil where it does not know the command.
    func openRelay(
        _ socket: StreamSocket, _ deadlineNanoseconds: UInt64
    ) async throws(ConnectorFault) -> Endpoint? {
        setDeadline(on: socket, deadlineNanoseconds)
        try await logIn(over: socket)
        let reply = try await request(.associate, Self.nowhere, over: socket)
        if reply.code == .commandNotSupported { return nil }
        try Self.judgeDatagrams(reply.code)
        guard case .address(let address) = reply.bound.host, reply.bound.port != 0 else {
            throw .node(.malformed("a relay without an address"))
        }
        return Endpoint(address, reply.bound.port)
    }

    /// Where our datagrams will come from is not said: behind a translator nobody knows.
    static let nowhere = Destination(Endpoint(.anyV4, 0))

    private static func judgeDatagrams(_ code: SOCKS5.Reply.Code) throws(ConnectorFault) {
        guard code == .notAllowed else { return try judge(code) }
        throw .node(.refused("it does not allow UDP: 'udp: true' may be missing there"))
    }
}

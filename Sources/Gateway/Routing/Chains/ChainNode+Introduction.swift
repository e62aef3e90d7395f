import Bytes
import Codecs
import Loop

extension ChainNode {
    /// Tells the node at the other end of a stream who the client is, if it wants to know, with a
    /// PROXY header; the first bytes that it gets.
    func introduce(
        _ query: RouteQuery, over socket: StreamSocket, deadlineNanoseconds: UInt64
    ) async throws(ConnectorFault) {
        guard let introducing else { return }
        socket.setDeadline(nanoseconds: deadlineNanoseconds)
        let header: ProxyProtocol.Header =
            query.listener.map { .relayed(source: query.client, destination: $0) } ?? .own
        try await Connector.write(
            [UInt8](capacity: ProxyProtocol.maximumByteCount) {
                header.encode(introducing, into: &$0)
            }, to: socket)
    }
}

import Codecs
import KernelTesting
import Model
import Testing

/// A client's association over its own stream: gost's UDP over TCP.
final class FramedAssociation {
    let stream: PeerStream
    /// What the reply told.
    let bound: Endpoint
    private let offset: Int

    init(_ bench: InboundBench, port: UInt16 = 0) throws {
        stream = try bench.client()
        let bytes = bench.exchange(
            stream, SOCKSBytes.greeting + SOCKSBytes.request(0xf3, "0.0.0.0", port),
            milliseconds: 1000)
        let reply = try #require(SOCKSBytes.reply(Array(bytes.dropFirst(2))))
        try #require(reply.code == .succeeded)
        bound = reply.bound
        offset = stream.received.count
    }

    /// A frame with a datagram to, or from, an endpoint.
    static func frame(_ endpoint: Endpoint, _ payload: [UInt8]) -> [UInt8] {
        SOCKSBytes.big(UInt16(payload.count)) + [0xff]
            + SOCKSBytes.datagram(endpoint, []).dropFirst(3) + payload
    }

    /// A frame with a datagram to a name.
    static func frame(_ name: String, _ port: UInt16, _ payload: [UInt8]) -> [UInt8] {
        SOCKSBytes.big(UInt16(payload.count)) + [0xff, 3, UInt8(name.utf8.count)]
            + Array(name.utf8) + SOCKSBytes.big(port) + payload
    }

    func send(_ payload: [UInt8], to endpoint: Endpoint) {
        stream.send(Self.frame(endpoint, payload))
    }

    /// What came behind the reply.
    var received: [UInt8] { Array(stream.received[offset...]) }

    /// The datagrams that came, each with its source; what is no whole frame is left out.
    var datagrams: [(source: Destination?, payload: [UInt8])] {
        var found: [(source: Destination?, payload: [UInt8])] = []
        var rest = received[...]
        while case .value(let header, let count) = Self.header(Array(rest.prefix(262))),
            rest.count >= count + header.payloadByteCount
        {
            rest = rest.dropFirst(count)
            found.append((header.destination, Array(rest.prefix(header.payloadByteCount))))
            rest = rest.dropFirst(header.payloadByteCount)
        }
        return found
    }

    private static func header(
        _ bytes: [UInt8]
    ) -> Decoded<SOCKS5.StreamHeader, SOCKS5.StreamHeader.Fault> {
        SOCKS5.StreamHeader.decode(bytes.span.bytes)
    }
}

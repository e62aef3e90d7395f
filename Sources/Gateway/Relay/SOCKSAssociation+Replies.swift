import Bytes
import Codecs
import Metering
import Model

/// Which flow a reply belongs to.
///
/// A flow to a name that a node looks up is known by a stand-in until replies come. The first one
/// with its port from an address that nobody else has is taken for its own; the oldest flow that
/// waits has it, since nothing else in a reply tells names apart.
extension SOCKSAssociation {
    func takeFromFar(_ payload: UnsafeRawBufferPointer, source: Endpoint) {
        guard !FarName.stands(for: source.address),
            let flow = flows.find(source) ?? flow(answeredFrom: source)
        else { return countStray() }
        inside.add(payload, flow: flow)
    }

    func takeFromFar(_ payload: UnsafeRawBufferPointer, named source: Destination) {
        guard outside.isTunnel, let flow = flow(toName: source) else { return countStray() }
        speak(to: flow, as: source)
        inside.add(payload, flow: flow)
    }

    private func flow(answeredFrom source: Endpoint) -> DatagramFlow? {
        guard outside.isTunnel else { return nil }
        if let key = answering[source], let flow = flows.find(key) {
            speak(to: flow, as: Destination(source))
            return flow
        }
        guard answering.count < Limits.flowsPerAssociation,
            let flow = flow(toNameAt: source.port)
        else { return nil }
        answering[source] = flow.destination
        speak(to: flow, as: Destination(source))
        return flow
    }

    /// The oldest flow to a name that waits for its first reply, or else the one that moved last:
    /// a name may have several addresses.
    private func flow(toNameAt port: UInt16) -> DatagramFlow? {
        let named = flows.all.filter {
            FarName.stands(for: $0.destination.address) && $0.destination.port == port
        }
        return named.filter { $0.source == nil }
            .min { $0.destination.address.low < $1.destination.address.low }
            ?? named.max { $0.lastMoveNanoseconds < $1.lastMoveNanoseconds }
    }

    /// Replies carry their sender's address, from the next one on this one.
    private func speak(to flow: DatagramFlow, as source: Destination) {
        if flow.source == source { return }
        // What was collected borrows the header before.
        inside.flush()
        flow.speak(as: source, header: Self.header(source))
    }

    /// A flow is over: its senders are nobody's.
    func forgetSenders(of key: Endpoint) {
        guard FarName.stands(for: key.address) else { return }
        answering = answering.filter { $0.value != key }
    }

    /// The header in front of datagrams to or from a destination (RFC 1928 §7).
    static func header(_ destination: Destination) -> [UInt8] {
        [UInt8](capacity: SOCKS5.StreamHeader.maximumByteCount) {
            let isWhole = SOCKS5.UDPHeader(destination: destination).encode(into: &$0)
            precondition(isWhole, "a name is shorter than 255 bytes")
        }
    }
}

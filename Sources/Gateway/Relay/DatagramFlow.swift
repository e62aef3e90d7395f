import Limiting
import Metering
import Model

/// One (client, destination) pair of an association or a forwarder.
///
/// ## Concurrency
/// Confined to its loop.
package final class DatagramFlow {
    /// Who sends and gets the replies.
    let client: Endpoint
    /// Where datagrams go, and what tells the flow from others of its relay.
    let destination: Endpoint
    /// Where they are sent: the destination, or a node that sends them on.
    let target: Endpoint
    let meter: FlowMeter
    /// What limits it, together with others of its client.
    let limits: FlowLimits?
    /// What stands in front of every reply; empty where replies are bare.
    private(set) var header: UnsafeRawBufferPointer
    /// Who sent the last reply, where that is found out only then.
    private(set) var source: Destination?
    /// What stands in front of every datagram to the target; empty where they go bare.
    let uplinkHeader: UnsafeRawBufferPointer
    var lastMoveNanoseconds: UInt64
    /// Whether the kernel refused a train to this peer: its datagrams go one by one.
    var refusesTrains = false
    /// The local address that the client sends to; replies leave from it.
    var localAddress: IPAddress

    /// A flow. `uplinkHeader` and `target` are for what goes through a node.
    init(
        client: Endpoint, destination: Endpoint, meter: FlowMeter, header: [UInt8],
        localAddress: IPAddress, nowNanoseconds: UInt64, limits: FlowLimits? = nil,
        target: Endpoint? = nil, uplinkHeader: [UInt8] = []
    ) {
        self.client = client
        self.destination = destination
        self.target = target ?? destination
        self.meter = meter
        self.limits = limits
        self.localAddress = localAddress
        lastMoveNanoseconds = nowNanoseconds
        self.header = Self.kept(header)
        self.uplinkHeader = Self.kept(uplinkHeader)
    }

    /// Whether a reply to its client may come from there: from where datagrams go, or where a node
    /// looks that up, from its port.
    func answers(from source: Endpoint) -> Bool {
        source == destination
            || FarName.stands(for: destination.address) && source.port == destination.port
    }

    /// Whether limits allow a datagram now; one that they do not is counted as dropped.
    func admits(_ direction: Direction, _ bytes: Int) -> Bool {
        guard let limits, !limits.admits(direction, bytes) else { return true }
        meter.countDropped(packets: 1)
        return false
    }

    deinit {
        header.deallocate()
        uplinkHeader.deallocate()
    }

    private static func kept(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
        if bytes.isEmpty { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        memory.copyBytes(from: bytes)
        return UnsafeRawBufferPointer(memory)
    }

    /// Replies come from `source` from now on. Nothing may borrow the header before.
    func speak(as source: Destination, header: [UInt8]) {
        self.source = source
        self.header.deallocate()
        self.header = Self.kept(header)
    }
}

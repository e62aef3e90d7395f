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
    /// Where datagrams go.
    let destination: Endpoint
    let meter: FlowMeter
    /// What limits it, together with others of its client.
    let limits: FlowLimits?
    /// What stands in front of every reply; empty where replies are bare.
    let header: UnsafeRawBufferPointer
    var lastMoveNanoseconds: UInt64
    /// Whether the kernel refused a train to this peer: its datagrams go one by one.
    var refusesTrains = false
    /// The local address that the client sends to; replies leave from it.
    var localAddress: IPAddress

    init(
        client: Endpoint, destination: Endpoint, meter: FlowMeter, header: [UInt8],
        localAddress: IPAddress, nowNanoseconds: UInt64, limits: FlowLimits? = nil
    ) {
        self.client = client
        self.destination = destination
        self.meter = meter
        self.limits = limits
        self.localAddress = localAddress
        lastMoveNanoseconds = nowNanoseconds
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: header.count, alignment: 1)
        memory.copyBytes(from: header)
        self.header = UnsafeRawBufferPointer(memory)
    }

    deinit { header.deallocate() }
}

package import Model

/// What a loop tells the settlement, in the order in which it happened to each flow.
package enum LedgerEvent: Sendable {
    /// A flow exists.
    case opened(FlowInfo)
    /// A flow's counts have grown.
    case counted(FlowInfo, FlowCounts, atMilliseconds: Int64)
    /// Datagrams of equal size were delivered; only for services that legacy reporters may watch.
    case packets(FlowInfo, Direction, byteCount: Int, count: Int)
    /// A flow is over; its slot waits to be released.
    case closed(FlowInfo, FlowCounts, FlowEnd, atMilliseconds: Int64, slot: UInt32)
}

/// One hand-over from a loop.
package struct LedgerReport: Sendable {
    /// The loop.
    package let loop: Int
    /// What happened.
    package let events: [LedgerEvent]
    /// Per-datagram events that were dropped because too many waited, by service.
    package let dropped: [(service: ServiceInfo, packets: UInt64)]

    /// The same, of all services.
    package var droppedPackets: UInt64 { dropped.reduce(0) { $0 + $1.packets } }
}

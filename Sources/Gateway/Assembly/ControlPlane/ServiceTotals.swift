import Inbound
import Model

/// What the flows of each service have come to since the start, for metrics.
///
/// Closed flows are added when the settlement hears of them; whoever reads adds the open ones. A
/// flow that closes while open ones are being collected is not counted twice.
///
/// ## Concurrency
/// Confined to the control loop.
final class ServiceTotals {
    /// Sums of one service and protocol.
    struct Sums {
        var flows: UInt64 = 0
        var open: UInt64 = 0
        var counts = FlowCounts()
        var errors: UInt64 = 0
        var causes: [FlowEnd.Cause: UInt64] = [:]
        var durations = Histogram()

        /// Adds another's, but for durations and causes.
        mutating func add(_ other: Sums) {
            flows += other.flows
            open += other.open
            counts.add(other.counts)
            errors += other.errors
        }
    }

    /// Sums are kept by these.
    struct Key: Hashable, Comparable {
        let service: String
        let transport: TransportProtocol

        static func < (one: Key, other: Key) -> Bool {
            (one.service, one.transport.rawValue) < (other.service, other.transport.rawValue)
        }
    }

    /// How long flows took, in gost's steps.
    struct Histogram {
        static let steps: [Double] = [
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60,
        ]
        var buckets = [UInt64](repeating: 0, count: Histogram.steps.count)
        var count: UInt64 = 0
        var seconds = 0.0

        mutating func add(seconds: Double) {
            count += 1
            self.seconds += seconds
            for (index, step) in Self.steps.enumerated() where seconds <= step {
                buckets[index] += 1
            }
        }
    }

    private var closed: [Key: Sums] = [:]
    private var closing: Set<FlowID>?

    /// A flow has ended.
    func add(_ flow: FlowInfo, _ counts: FlowCounts, _ end: FlowEnd, at milliseconds: Int64) {
        let key = Key(service: flow.origin.service, transport: flow.transport)
        closing?.insert(flow.id)
        var sums = closed[key] ?? Sums()
        sums.flows += 1
        sums.counts.add(counts)
        sums.causes[end.cause, default: 0] += 1
        if end.phase != .relay { sums.errors += 1 }
        sums.durations.add(seconds: Double(max(0, milliseconds - flow.openedMilliseconds)) / 1000)
        closed[key] = sums
    }

    /// From now until `sums`, flows that close are remembered.
    func beginCollecting() { closing = [] }

    /// The sums with the open flows that were collected meanwhile.
    func sums(with open: [FlowRecord]) -> [Key: Sums] {
        var all = closed
        for record in open where closing?.contains(record.flow.id) != true {
            let key = Key(service: record.flow.origin.service, transport: record.flow.transport)
            var sums = all[key] ?? Sums()
            sums.flows += 1
            sums.open += 1
            sums.counts.add(record.counts)
            all[key] = sums
        }
        closing = nil
        return all
    }
}

extension FlowCounts {
    /// Adds another's.
    fileprivate mutating func add(_ other: FlowCounts) {
        uplinkBytes &+= other.uplinkBytes
        uplinkPackets &+= other.uplinkPackets
        downlinkBytes &+= other.downlinkBytes
        downlinkPackets &+= other.downlinkPackets
        overheadUplinkBytes &+= other.overheadUplinkBytes
        overheadDownlinkBytes &+= other.overheadDownlinkBytes
        droppedPackets &+= other.droppedPackets
    }
}

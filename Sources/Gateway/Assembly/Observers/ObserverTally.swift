import Model
import RemotePlugins
import Storage

/// What one client's flows have come to: gost's totals, and what nobody was told of yet.
///
/// As columns: the totals, then TCP's and UDP's counts that are still to be told.
struct ObserverTally: Equatable {
    var totals = ObserverMessage.Totals()
    var tcp = ObserverMessage.Moved()
    var udp = ObserverMessage.Moved()

    /// Names of the columns, in the order of `values`.
    static let columns =
        ["conns", "input_bytes", "output_bytes", "errors"]
        + ["tcp", "udp"].flatMap { part in movedColumns.map { "\(part)_\($0)" } }
    /// Those that are 0 again once a message was made of them.
    static let untoldColumns = columns.dropFirst(4)
    private static let movedColumns = [
        "flows", "uplink_bytes", "uplink_packets", "downlink_bytes", "downlink_packets",
        "dropped_packets",
    ]

    /// Nothing yet.
    init() {}

    /// What a flow adds: its counts since they were looked at last.
    init(
        _ transport: TransportProtocol, _ counts: FlowCounts, isNew: Bool, hasFailed: Bool
    ) {
        var moved = ObserverMessage.Moved()
        moved.flows = isNew ? 1 : 0
        moved.uplinkBytes = counts.uplinkBytes
        moved.uplinkPackets = counts.uplinkPackets
        moved.downlinkBytes = counts.downlinkBytes
        moved.downlinkPackets = counts.downlinkPackets
        moved.droppedPackets = counts.droppedPackets
        if transport == .tcp { tcp = moved } else { udp = moved }
        totals.connections = moved.flows
        totals.inputBytes = counts.uplinkBytes
        totals.outputBytes = counts.downlinkBytes
        totals.errors = hasFailed ? 1 : 0
    }

    /// From the columns of a row, beginning with `first`.
    init(_ row: Statement, from first: Int32) {
        totals.connections = row.counter(first)
        totals.inputBytes = row.counter(first + 1)
        totals.outputBytes = row.counter(first + 2)
        totals.errors = row.counter(first + 3)
        tcp = Self.moved(row, from: first + 4)
        udp = Self.moved(row, from: first + 4 + Int32(Self.movedColumns.count))
    }

    /// The counts, in the order of `columns`.
    var values: [UInt64] {
        [totals.connections, totals.inputBytes, totals.outputBytes, totals.errors]
            + Self.values(tcp) + Self.values(udp)
    }

    private static func values(_ moved: ObserverMessage.Moved) -> [UInt64] {
        [
            moved.flows, moved.uplinkBytes, moved.uplinkPackets, moved.downlinkBytes,
            moved.downlinkPackets, moved.droppedPackets,
        ]
    }

    private static func moved(_ row: Statement, from first: Int32) -> ObserverMessage.Moved {
        var moved = ObserverMessage.Moved()
        moved.flows = row.counter(first)
        moved.uplinkBytes = row.counter(first + 1)
        moved.uplinkPackets = row.counter(first + 2)
        moved.downlinkBytes = row.counter(first + 3)
        moved.downlinkPackets = row.counter(first + 4)
        moved.droppedPackets = row.counter(first + 5)
        return moved
    }
}

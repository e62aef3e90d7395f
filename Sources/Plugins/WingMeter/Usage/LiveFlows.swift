import FoundationEssentials
import Model

/// What a running gateway says about its open flows, as entries.
struct LiveFlows: Decodable {
    /// One interval record; only what usage is told by is read.
    private struct Flow: Decodable {
        let flow: String
        let service: String
        let user: String?
        let node: String?
        let `protocol`: String
        let destination: String
        let host: String?
        let opened: String
        let uplinkBytes: UInt64
        let uplinkPackets: UInt64
        let downlinkBytes: UInt64
        let downlinkPackets: UInt64
        let overheadUplinkBytes: UInt64
        let overheadDownlinkBytes: UInt64
        let droppedPackets: UInt64
    }

    private let flows: [Flow]

    /// The request line.
    static let request = "{\"command\":\"flows\"}"

    /// Reads the answer.
    init(answer: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(LiveFlows.self, from: Data(answer.utf8))
    }

    /// The flows as entries, destinations named as the database names them.
    var entries: [UsageEntry] {
        flows.map { flow in
            var entry = UsageEntry()
            entry.flow = flow.flow
            entry.service = flow.service
            entry.user = flow.user
            entry.node = flow.node
            entry.transport = flow.protocol
            let port = flow.destination.lastIndex(of: ":").map { flow.destination[$0...] } ?? ""
            entry.destination = flow.host.map { $0 + port } ?? flow.destination
            entry.moment = CivilTime.milliseconds(flow.opened) ?? 0
            entry.flows = 1
            entry.counts.uplinkBytes = flow.uplinkBytes
            entry.counts.uplinkPackets = flow.uplinkPackets
            entry.counts.downlinkBytes = flow.downlinkBytes
            entry.counts.downlinkPackets = flow.downlinkPackets
            entry.counts.overheadUplinkBytes = flow.overheadUplinkBytes
            entry.counts.overheadDownlinkBytes = flow.overheadDownlinkBytes
            entry.counts.droppedPackets = flow.droppedPackets
            return entry
        }
    }
}

import Foundation

/// A flow record as the flows file has it; the keys are those that others rely on.
struct FlowRecord: Decodable, CustomStringConvertible {
    struct End: Decodable {
        let by: String
        let phase: String
        let cause: String
    }

    let flow: String
    let boot: String
    let service: String
    let handler: String
    let guids: [String]
    let user: String?
    let session: String?
    let node: String?
    let `protocol`: String
    let client: String
    let destination: String
    let host: String?
    let route: [String]
    let listener: String
    let upstreamLocal: String
    let upstreamRemote: String
    let opened: String
    let closed: String
    let uplinkBytes: Int
    let uplinkPackets: Int
    let downlinkBytes: Int
    let downlinkPackets: Int
    let overheadUplinkBytes: Int
    let overheadDownlinkBytes: Int
    let droppedPackets: Int
    let end: End

    private enum CodingKeys: String, CodingKey {
        case flow, boot, service, handler, guids, user, session, node, `protocol`, client
        case destination, host, route, listener, opened, closed, end
        case upstreamLocal = "upstream_local"
        case upstreamRemote = "upstream_remote"
        case uplinkBytes = "uplink_bytes"
        case uplinkPackets = "uplink_packets"
        case downlinkBytes = "downlink_bytes"
        case downlinkPackets = "downlink_packets"
        case overheadUplinkBytes = "overhead_uplink_bytes"
        case overheadDownlinkBytes = "overhead_downlink_bytes"
        case droppedPackets = "dropped_packets"
    }

    var description: String {
        "\(flow) \(`protocol`) \(user ?? "-") \(client) → \(host ?? "") \(destination)"
            + " up \(uplinkBytes)/\(uplinkPackets) down \(downlinkBytes)/\(downlinkPackets)"
            + " over \(overheadUplinkBytes)/\(overheadDownlinkBytes) dropped \(droppedPackets)"
            + " end \(end.by) \(end.phase) \(end.cause)"
    }

    /// Every record of a file, in its order; a line that is none is an error, but the last one may
    /// be on its way.
    static func read(_ path: String) throws -> [FlowRecord] {
        let text = readText(path)
        let whole = text[..<(text.lastIndex(of: "\n") ?? text.startIndex)]
        return try whole.split(separator: "\n").map { line in
            do {
                return try JSONDecoder().decode(FlowRecord.self, from: Data(line.utf8))
            } catch {
                throw HarnessFailure("no flow record: \(line)\n\(error)")
            }
        }
    }
}

/// What `weir usage --json` says.
struct Usage: Decodable, Equatable {
    struct Row: Decodable, Equatable {
        /// Null where the flows have none: no user, this gateway as the node.
        let key: String?
        let uplinkBytes: Int
        let downlinkBytes: Int
        let flows: Int

        private enum CodingKeys: String, CodingKey {
            case key, flows
            case uplinkBytes = "uplink_bytes"
            case downlinkBytes = "downlink_bytes"
        }
    }

    let by: String
    let rows: [Row]

    init(json: String) throws {
        do {
            self = try JSONDecoder().decode(Usage.self, from: Data(json.utf8))
        } catch {
            throw HarnessFailure("no usage: \(json)\n\(error)")
        }
    }

    subscript(key: String) -> Row? { rows.first { $0.key == key } }
    var uplinkBytes: Int { rows.reduce(0) { $0 + $1.uplinkBytes } }
    var downlinkBytes: Int { rows.reduce(0) { $0 + $1.downlinkBytes } }
    var flows: Int { rows.reduce(0) { $0 + $1.flows } }
}

/// A flow and its counts as others read them: JSON lines, log, admin socket.
///
/// The names and their order are an interface (architecture, "Flow record"): keys are only ever
/// added, behind the ones that are there.
public struct FlowRecord: Sendable {
    /// The flow.
    public let flow: FlowInfo
    /// Its counts since it opened.
    public let counts: FlowCounts
    /// How it ended; nil while it is open.
    public let end: FlowEnd?
    /// When it ended, or when the counts were read: milliseconds since 1970, UTC.
    public let atMilliseconds: Int64
    /// 1, 2, 3, … over the interval records of one flow; nil in the record of its end.
    public let sequence: UInt64?
    /// What was said about the flow from outside, in the order of its names.
    public var metadata: [(name: String, value: String)] = []

    /// The record of a flow's end.
    public init(of flow: FlowInfo, _ counts: FlowCounts, end: FlowEnd, atMilliseconds: Int64) {
        self.flow = flow
        self.counts = counts
        self.end = end
        self.atMilliseconds = atMilliseconds
        sequence = nil
    }

    /// An interval record: the counts of a flow that goes on.
    public init(
        of flow: FlowInfo, _ counts: FlowCounts, sequence: UInt64, atMilliseconds: Int64
    ) {
        self.flow = flow
        self.counts = counts
        self.sequence = sequence
        self.atMilliseconds = atMilliseconds
        end = nil
    }

    /// Appends it as one JSON object. An interval record has `closed` and `end` null, and `seq`
    /// and `at` (when the counts were read) behind them.
    public func write(to json: inout JSONText) {
        json.beginObject()
        writeMembers(to: &json)
        json.endObject()
    }

    /// Appends its members to the object that is open.
    public func writeMembers(to json: inout JSONText) {
        writeIdentity(to: &json)
        json.field("opened", CivilTime(milliseconds: flow.openedMilliseconds).description)
        let at = CivilTime(milliseconds: atMilliseconds).description
        json.field("closed", end == nil ? nil : at)
        counts.writeFields(to: &json)
        json.key("end")
        if let end { end.write(to: &json) } else { json.value(nil as String?) }
        if let sequence {
            json.field("seq", sequence)
            json.field("at", at)
        }
        if !metadata.isEmpty {
            json.key("metadata")
            json.beginObject()
            for (name, value) in metadata { json.field(name, value) }
            json.endObject()
        }
    }

    private func writeIdentity(to json: inout JSONText) {
        json.field("flow", flow.id.description)
        json.field("boot", flow.boot.description)
        json.field("service", flow.origin.service)
        json.field("handler", flow.origin.handler)
        json.field("guids", flow.origin.guids)
        json.field("user", flow.user)
        json.field("session", flow.session?.description)
        json.field("node", flow.node)
        json.field("protocol", flow.transport.name)
        json.field("client", flow.client.description)
        json.field("destination", flow.destination.description)
        json.field("host", flow.host)
        json.field("route", flow.route)
        json.field("listener", flow.listener.description)
        json.field("upstream_local", flow.upstreamLocal.description)
        json.field("upstream_remote", flow.upstreamRemote.description)
    }
}

extension FlowCounts {
    /// Appends the seven counts as members of the object that is open.
    public func writeFields(to json: inout JSONText) {
        json.field("uplink_bytes", uplinkBytes)
        json.field("uplink_packets", uplinkPackets)
        json.field("downlink_bytes", downlinkBytes)
        json.field("downlink_packets", downlinkPackets)
        json.field("overhead_uplink_bytes", overheadUplinkBytes)
        json.field("overhead_downlink_bytes", overheadDownlinkBytes)
        json.field("dropped_packets", droppedPackets)
    }
}

extension FlowEnd {
    /// Appends `{"by":…,"phase":…,"cause":…}`.
    public func write(to json: inout JSONText) {
        json.beginObject()
        json.field("by", by.name)
        json.field("phase", phase.name)
        json.field("cause", cause.name)
        json.endObject()
    }
}

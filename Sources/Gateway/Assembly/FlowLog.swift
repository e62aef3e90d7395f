import Inbound
import Model
import PluginKit

/// One log line when a flow ends: the flow record, as text or as JSON.
struct FlowLog: Sendable {
    let journal: Journal
    /// Where lines that are JSON go: `level`, `msg`, `time`, and then the members of the record.
    let writer: LogWriter?

    func write(_ flow: FlowInfo, _ counts: FlowCounts, _ end: FlowEnd, _ atMilliseconds: Int64) {
        guard journal.isOn(.info) else { return }
        if let writer, writer.isJSON {
            var json = JSONText()
            json.beginObject()
            json.field("level", LogLevel.info.name)
            json.field("msg", "flow ended")
            json.field("time", CivilTime(milliseconds: atMilliseconds).description)
            FlowRecord(of: flow, counts, end: end, atMilliseconds: atMilliseconds)
                .writeMembers(to: &json)
            json.endObject()
            json.endLine()
            writer.append(json.bytes)
            return
        }
        let host = flow.host.map { "\($0):\(flow.destination.port)" }
        journal(
            .info, "flow ended",
            [
                ("service", flow.origin.service), ("protocol", flow.transport.name),
                ("user", flow.user ?? "-"), ("client", flow.client.description),
                ("destination", host ?? flow.destination.description),
                ("uplink_bytes", String(counts.uplinkBytes)),
                ("downlink_bytes", String(counts.downlinkBytes)),
                ("seconds", seconds(atMilliseconds - flow.openedMilliseconds)),
                ("end", "\(end.by.name)/\(end.phase.name)/\(end.cause.name)"),
                ("flow", flow.id.description),
            ])
    }

    private func seconds(_ milliseconds: Int64) -> String {
        let fraction = String(milliseconds % 1000 + 1000).dropFirst()
        return "\(milliseconds / 1000).\(fraction)"
    }
}

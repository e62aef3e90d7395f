import Model
import Testing

@Suite("Flow records")
struct FlowRecordTests {
    private let flow = FlowInfo(
        id: FlowID(high: 1, low: 2), boot: BootID(bits: 3),
        origin: ServiceInfo(service: "s", handler: "socks5", guids: ["a", "b"]), user: "u\"",
        session: SessionID(stored: 4, 5), node: "n", transport: .udp,
        client: Endpoint(.loopbackV6, 1), destination: Endpoint(.loopbackV4, 2), host: "h",
        route: ["x", "y"], listener: Endpoint(.anyV6, 3), upstreamLocal: Endpoint(.anyV4, 4),
        upstreamRemote: Endpoint(.loopbackV4, 5), openedMilliseconds: 0)

    private var counts: FlowCounts {
        var counts = FlowCounts()
        counts.uplinkBytes = .max
        counts.uplinkPackets = 1
        counts.downlinkBytes = 2
        counts.downlinkPackets = 3
        counts.overheadUplinkBytes = 4
        counts.overheadDownlinkBytes = 5
        counts.droppedPackets = 6
        return counts
    }

    private func text(_ record: FlowRecord) -> String {
        var json = JSONText()
        record.write(to: &json)
        return json.text
    }

    private let facts = """
        {"flow":"00000000000000010000000000000002","boot":"0000000000000003","service":"s",\
        "handler":"socks5","guids":["a","b"],"user":"u\\"",\
        "session":"00000000-0000-0004-0000-000000000005","node":"n","protocol":"udp",\
        "client":"[::1]:1","destination":"127.0.0.1:2","host":"h","route":["x","y"],\
        "listener":"[::]:3","upstream_local":"0.0.0.0:4","upstream_remote":"127.0.0.1:5",\
        "opened":"1970-01-01T00:00:00.000Z",
        """

    private let figures = """
        "uplink_bytes":18446744073709551615,"uplink_packets":1,"downlink_bytes":2,\
        "downlink_packets":3,"overhead_uplink_bytes":4,"overhead_downlink_bytes":5,\
        "dropped_packets":6,
        """

    @Test("of an end have the interface's keys in its order, metadata behind them")
    func end() {
        let end = FlowEnd(by: .gateway, phase: .connect, cause: .controlClosed)
        var record = FlowRecord(of: flow, counts, end: end, atMilliseconds: 1)
        let tail = #""end":{"by":"gateway","phase":"connect","cause":"control-closed"}"#
        let body = facts + #""closed":"1970-01-01T00:00:00.001Z","# + figures + tail
        #expect(text(record) == body + "}")
        record.metadata = [(name: "k", value: "v")]
        #expect(text(record) == body + #","metadata":{"k":"v"}}"#)
    }

    @Test("of an interval have no end, but a number and a moment")
    func interval() {
        let record = FlowRecord(of: flow, counts, sequence: 7, atMilliseconds: 1)
        let tail = #""end":null,"seq":7,"at":"1970-01-01T00:00:00.001Z"}"#
        #expect(text(record) == facts + #""closed":null,"# + figures + tail)
    }
}

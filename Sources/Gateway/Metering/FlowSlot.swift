import Model

/// One flow's slot in the meter file: its facts and its counters, in memory that outlives us.
///
/// The counters are plain words that the flow's loop increments in place; after `kill -9` they are
/// in the page cache as they were. The state byte is written last when a flow opens, so a slot
/// that says open is complete.
struct FlowSlot {
    let base: UnsafeMutableRawPointer

    var counters: UnsafeMutablePointer<UInt64> {
        (base + SlotLayout.counters).assumingMemoryBound(to: UInt64.self)
    }

    var counts: FlowCounts {
        var counts = FlowCounts()
        let words = counters
        counts.uplinkBytes = words[0]
        counts.uplinkPackets = words[1]
        counts.downlinkBytes = words[2]
        counts.downlinkPackets = words[3]
        counts.overheadUplinkBytes = words[4]
        counts.overheadDownlinkBytes = words[5]
        counts.droppedPackets = words[6]
        return counts
    }

    // MARK: Writing

    /// Fills a free slot; `texts` keeps what does not fit.
    func open(_ flow: FlowInfo, texts: inout TextTable) {
        precondition(state == .free, "a slot in use was opened")
        store(flow.id.high, SlotLayout.flowID)
        store(flow.id.low, SlotLayout.flowID + 8)
        store(flow.openedMilliseconds, SlotLayout.opened)
        store(flow.openedMilliseconds, SlotLayout.touched)
        for word in 0..<7 { counters[word] = 0 }
        store(flow.session?.high ?? 0, SlotLayout.session)
        store(flow.session?.low ?? 0, SlotLayout.session + 8)
        let endpoints = [
            flow.client, flow.destination, flow.listener, flow.upstreamLocal, flow.upstreamRemote,
        ]
        for (index, endpoint) in endpoints.enumerated() { store(endpoint, index: index) }
        store(flow.transport.rawValue, SlotLayout.transport)
        store(texts.reference(to: flow.user), SlotLayout.userText)
        store(texts.reference(to: flow.node), SlotLayout.nodeText)
        storeHost(flow.host, texts: &texts)
        store(texts.reference(to: flow.origin), SlotLayout.serviceText)
        store(SlotState.open.rawValue, SlotLayout.state)
    }

    /// Marks the flow ended; the slot stays until every observer has stored it.
    func close(_ end: FlowEnd, atMilliseconds: Int64) {
        store(atMilliseconds, SlotLayout.touched)
        store(end.by.rawValue, SlotLayout.state + 1)
        store(end.phase.rawValue, SlotLayout.state + 2)
        store(end.cause.rawValue, SlotLayout.state + 3)
        store(SlotState.closed.rawValue, SlotLayout.state)
    }

    /// Remembers when the counts were read last.
    func touch(atMilliseconds: Int64) { store(atMilliseconds, SlotLayout.touched) }

    /// Makes the slot free for another flow.
    func release() { store(SlotState.free.rawValue, SlotLayout.state) }

    private func store<Value: BitwiseCopyable>(_ value: Value, _ offset: Int) {
        base.storeBytes(of: value, toByteOffset: offset, as: Value.self)
    }

    private func store(_ endpoint: Endpoint, index: Int) {
        let offset = SlotLayout.endpoints + index * SlotLayout.endpointBytes
        store(endpoint.address.high, offset)
        store(endpoint.address.low, offset + 8)
        store(endpoint.port, offset + 16)
    }

    private func storeHost(_ host: String?, texts: inout TextTable) {
        let bytes = Array((host ?? "").utf8)
        if bytes.count <= SlotLayout.hostBytes {
            store(UInt8(bytes.count), SlotLayout.hostLength)
            (base + SlotLayout.host).copyMemory(from: bytes, byteCount: bytes.count)
        } else {
            store(SlotLayout.hostIsText, SlotLayout.hostLength)
            store(texts.reference(to: host), SlotLayout.host)
        }
    }

    // MARK: Reading

    var state: SlotState? { SlotState(rawValue: load(SlotLayout.state)) }
    var touchedMilliseconds: Int64 { load(SlotLayout.touched) }

    /// How the flow ended; nil where the bytes make no sense.
    var end: FlowEnd? {
        guard let by = FlowEnd.Party(rawValue: load(SlotLayout.state + 1)),
            let phase = FlowEnd.Phase(rawValue: load(SlotLayout.state + 2)),
            let cause = FlowEnd.Cause(rawValue: load(SlotLayout.state + 3))
        else { return nil }
        return FlowEnd(by: by, phase: phase, cause: cause)
    }

    /// The flow's facts; nil where the bytes make no sense.
    func flow(boot: BootID, texts: TextReader) -> FlowInfo? {
        guard let transport = TransportProtocol(rawValue: load(SlotLayout.transport)),
            let origin = texts.service(load(SlotLayout.serviceText))
        else { return nil }
        let session: (UInt64, UInt64) = (load(SlotLayout.session), load(SlotLayout.session + 8))
        return FlowInfo(
            id: FlowID(high: load(SlotLayout.flowID), low: load(SlotLayout.flowID + 8)),
            boot: boot, origin: origin, user: texts.text(load(SlotLayout.userText)),
            session: session == (0, 0) ? nil : SessionID(stored: session.0, session.1),
            node: texts.text(load(SlotLayout.nodeText)), transport: transport,
            client: endpoint(0), destination: endpoint(1), host: host(texts),
            listener: endpoint(2), upstreamLocal: endpoint(3), upstreamRemote: endpoint(4),
            openedMilliseconds: load(SlotLayout.opened))
    }

    private func load<Value: BitwiseCopyable>(_ offset: Int) -> Value {
        base.loadUnaligned(fromByteOffset: offset, as: Value.self)
    }

    private func endpoint(_ index: Int) -> Endpoint {
        let offset = SlotLayout.endpoints + index * SlotLayout.endpointBytes
        return Endpoint(IPAddress(high: load(offset), low: load(offset + 8)), load(offset + 16))
    }

    private func host(_ texts: TextReader) -> String? {
        let length: UInt8 = load(SlotLayout.hostLength)
        if length == SlotLayout.hostIsText { return texts.text(load(SlotLayout.host)) }
        guard length > 0, Int(length) <= SlotLayout.hostBytes else { return nil }
        let bytes = UnsafeRawBufferPointer(start: base + SlotLayout.host, count: Int(length))
        return String(decoding: bytes, as: UTF8.self)
    }
}

import Model

/// The meters of open flows, and what was said from outside about flows.
///
/// One meter per flow, from `opened` to the end. It is small, because idle flows are many: counts
/// are in the database, facts are shared with the gateway, and what almost no flow has is apart.
struct MeterTable {
    /// Facts about a flow that may never come.
    private struct Announcement {
        var metadata: [String: String]
        var expiresMilliseconds: Int64
    }

    /// Announcements of flows that are not there: enough for every destination of a busy gateway's
    /// associations in ten minutes; 65,536 at a few hundred bytes are some 20 MiB.
    static let announcementsMax = 65_536
    /// How long an announcement waits for its flow.
    static let announcementMilliseconds: Int64 = 600_000
    /// Names per flow.
    static let namesMax = 64

    /// Interval records written, by meter: one in a second at most, for the years of a UInt32.
    private var reports: [FlowKey: UInt32] = [:]
    /// From outside.
    private var metadata: [FlowID: [String: String]] = [:]
    private var announcements: [ConnectionKey: Announcement] = [:]
    /// Open flows by addresses; nil until somebody announces something, so that gateways where
    /// nobody does pay nothing.
    private var byAddresses: [ConnectionKey: FlowID]?

    /// Meters that are running.
    var count: Int { reports.count }

    /// Starts a flow's meter; a second start of the same flow changes nothing.
    mutating func open(_ flow: FlowInfo, now: Int64) {
        let meter = FlowKey(flow: flow)
        guard reports[meter] == nil else { return }
        reports[meter] = 0
        guard byAddresses != nil else { return }
        let key = ConnectionKey(flow)
        byAddresses?[key] = flow.id
        if let found = announcements.removeValue(forKey: key), found.expiresMilliseconds > now {
            metadata[flow.id] = found.metadata
        }
    }

    /// Stops a flow's meter; a second stop changes nothing.
    mutating func close(_ flow: FlowInfo) {
        guard reports.removeValue(forKey: FlowKey(flow: flow)) != nil else { return }
        metadata[flow.id] = nil
        let key = ConnectionKey(flow)
        if byAddresses?[key] == flow.id { byAddresses?[key] = nil }
    }

    /// Interval records of a flow so far; 0 for one without a meter.
    func reports(of flow: FlowInfo) -> UInt32 { reports[FlowKey(flow: flow)] ?? 0 }

    /// Counts interval records of a flow.
    mutating func setReports(_ count: UInt32, of flow: FlowInfo) {
        let meter = FlowKey(flow: flow)
        if reports[meter] != nil { reports[meter] = count }
    }

    /// Merges facts into the flow's meter, or keeps them for the flow to come. False where the
    /// table is full or the flow has too many names.
    mutating func announce(
        _ facts: [String: String], for key: ConnectionKey, now: Int64
    ) -> Bool {
        if byAddresses == nil {
            byAddresses = Dictionary(
                reports.keys.map { (ConnectionKey($0.flow), $0.flow.id) },
                uniquingKeysWith: { one, _ in one })
        }
        if let id = byAddresses?[key] {
            var known = metadata[id] ?? [:]
            known.merge(facts) { _, new in new }
            guard known.count <= Self.namesMax else { return false }
            metadata[id] = known
            return true
        }
        if announcements[key] == nil, announcements.count >= Self.announcementsMax {
            announcements = announcements.filter { $1.expiresMilliseconds > now }
            guard announcements.count < Self.announcementsMax else { return false }
        }
        var known = announcements[key]?.metadata ?? [:]
        if let expiry = announcements[key]?.expiresMilliseconds, expiry <= now { known = [:] }
        known.merge(facts) { _, new in new }
        guard known.count <= Self.namesMax else { return false }
        announcements[key] = Announcement(
            metadata: known, expiresMilliseconds: now + Self.announcementMilliseconds)
        return true
    }

    /// What is known about an open flow from outside, sorted by name.
    func metadata(of id: FlowID) -> [(name: String, value: String)] {
        guard let facts = metadata[id] else { return [] }
        return facts.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    }
}

/// What a flow is called by those who only know its addresses.
struct ConnectionKey: Hashable {
    let client: Endpoint
    let destination: Endpoint
    let transport: TransportProtocol

    init(_ flow: FlowInfo) {
        client = flow.client
        destination = flow.destination
        transport = flow.transport
    }

    /// From `ip:port` texts and `tcp` or `udp` in any case; nil for anything else.
    init?(client: String, destination: String, transport: String) {
        guard let client = Endpoint(client), let destination = Endpoint(destination),
            let transport = TransportProtocol.allCases.first(where: {
                $0.name == transport.lowercased()
            })
        else { return nil }
        self.client = client
        self.destination = destination
        self.transport = transport
    }
}

import Model

/// The meters of open flows, and what was said from outside about flows.
///
/// One meter per flow, from `opened` to the end. It is small, because idle flows are many: counts
/// are in the database, facts are shared with the gateway.
struct MeterTable {
    /// One flow's meter.
    struct Meter {
        /// The flow.
        let flow: FlowInfo
        /// Interval records written.
        var reports: UInt64 = 0
        /// From outside; nil for almost all.
        var metadata: [String: String]?
    }

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

    private(set) var meters: [FlowID: Meter] = [:]
    private var announcements: [ConnectionKey: Announcement] = [:]
    /// Open flows by addresses; nil until somebody announces something, so that gateways where
    /// nobody does pay nothing.
    private var byAddresses: [ConnectionKey: FlowID]?

    /// Starts a flow's meter; a second start of the same flow changes nothing.
    mutating func open(_ flow: FlowInfo, now: Int64) {
        guard meters[flow.id] == nil else { return }
        var meter = Meter(flow: flow)
        if byAddresses != nil {
            let key = ConnectionKey(flow)
            byAddresses?[key] = flow.id
            if let found = announcements.removeValue(forKey: key), found.expiresMilliseconds > now {
                meter.metadata = found.metadata
            }
        }
        meters[flow.id] = meter
    }

    /// Stops a flow's meter; a second stop changes nothing.
    mutating func close(_ id: FlowID) {
        guard let meter = meters.removeValue(forKey: id) else { return }
        let key = ConnectionKey(meter.flow)
        if byAddresses?[key] == id { byAddresses?[key] = nil }
    }

    /// Counts interval records of a flow.
    mutating func setReports(_ count: UInt64, of id: FlowID) { meters[id]?.reports = count }

    /// Merges facts into the flow's meter, or keeps them for the flow to come. False where the
    /// table is full or the flow has too many names.
    mutating func announce(
        _ metadata: [String: String], for key: ConnectionKey, now: Int64
    ) -> Bool {
        if byAddresses == nil {
            byAddresses = Dictionary(
                meters.map { (ConnectionKey($1.flow), $0) }, uniquingKeysWith: { one, _ in one })
        }
        if let id = byAddresses?[key], let meter = meters[id] {
            var known = meter.metadata ?? [:]
            known.merge(metadata) { _, new in new }
            guard known.count <= Self.namesMax else { return false }
            meters[id]?.metadata = known
            return true
        }
        if announcements[key] == nil, announcements.count >= Self.announcementsMax {
            announcements = announcements.filter { $1.expiresMilliseconds > now }
            guard announcements.count < Self.announcementsMax else { return false }
        }
        var known = announcements[key]?.metadata ?? [:]
        if let expiry = announcements[key]?.expiresMilliseconds, expiry <= now { known = [:] }
        known.merge(metadata) { _, new in new }
        guard known.count <= Self.namesMax else { return false }
        announcements[key] = Announcement(
            metadata: known, expiresMilliseconds: now + Self.announcementMilliseconds)
        return true
    }

    /// What is known about an open flow from outside, sorted by name.
    func metadata(of id: FlowID) -> [(name: String, value: String)] {
        guard let metadata = meters[id]?.metadata else { return [] }
        return metadata.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
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

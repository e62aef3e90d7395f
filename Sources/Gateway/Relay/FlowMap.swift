import Model

/// The datagram flows of one relay, by the endpoint that tells them apart.
///
/// The flow found last is tried first, so a train of datagrams costs one comparison.
struct FlowMap {
    private var flows: [Endpoint: DatagramFlow] = [:]
    private var latest: (key: Endpoint, flow: DatagramFlow)?

    var count: Int { flows.count }
    var all: some Collection<DatagramFlow> { flows.values }

    mutating func find(_ key: Endpoint) -> DatagramFlow? {
        if let latest, latest.key == key { return latest.flow }
        guard let flow = flows[key] else { return nil }
        latest = (key, flow)
        return flow
    }

    mutating func insert(_ flow: DatagramFlow, at key: Endpoint) {
        precondition(flows[key] == nil, "two flows for one endpoint")
        flows[key] = flow
    }

    mutating func remove(_ key: Endpoint) -> DatagramFlow? {
        if latest?.key == key { latest = nil }
        return flows.removeValue(forKey: key)
    }

    /// The flow that has been quiet longest.
    var quietest: (key: Endpoint, flow: DatagramFlow)? {
        flows.min { $0.value.lastMoveNanoseconds < $1.value.lastMoveNanoseconds }
            .map { ($0.key, $0.value) }
    }

    /// Keys of flows that have been quiet since before a moment.
    func quiet(since nanoseconds: UInt64) -> [Endpoint] {
        flows.compactMap { $0.value.lastMoveNanoseconds <= nanoseconds ? $0.key : nil }
    }

    var keys: [Endpoint] { Array(flows.keys) }
}

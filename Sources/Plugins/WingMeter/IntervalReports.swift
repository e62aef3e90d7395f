import Model

/// Which running flows have counts that no interval record has told yet.
///
/// Intervals are the same for all flows: at the first event of a new one, every flow that moved
/// something in the one before is reported, once. Idle flows cost nothing.
struct IntervalReports {
    /// A flow's counts when they were last read.
    struct Pending {
        let flow: FlowInfo
        var counts: FlowCounts
        var atMilliseconds: Int64
    }

    private let intervalMilliseconds: Int64
    private var pending: [FlowID: Pending] = [:]
    private var interval: Int64 = .min

    init(intervalMilliseconds: Int64) { self.intervalMilliseconds = intervalMilliseconds }

    /// Notes counts. Those of the interval before are due first: call `takeDue` before.
    mutating func note(_ flow: FlowInfo, _ counts: FlowCounts, atMilliseconds: Int64) {
        pending[flow.id] = Pending(flow: flow, counts: counts, atMilliseconds: atMilliseconds)
    }

    /// A flow ended; its flow record tells the rest.
    mutating func forget(_ id: FlowID) { pending[id] = nil }

    /// Whether flows are to be reported at a moment.
    func isDue(atMilliseconds moment: Int64) -> Bool {
        !pending.isEmpty && moment / intervalMilliseconds > interval
    }

    /// The flows to report at a moment: none within an interval, all at the next one.
    mutating func takeDue(atMilliseconds moment: Int64) -> [Pending] {
        let current = moment / intervalMilliseconds
        guard current > interval else { return [] }
        interval = current
        defer { pending = [:] }
        return pending.values.sorted { one, other in
            (one.flow.id.high, one.flow.id.low) < (other.flow.id.high, other.flow.id.low)
        }
    }
}

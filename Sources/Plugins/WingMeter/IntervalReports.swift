import Model

/// Which running flows have counts that no interval record has told yet.
///
/// Intervals are the same for all flows: at the first event of a new one, every flow that moved
/// something in the one before is reported, once. Idle flows cost nothing.
struct IntervalReports {
    /// A flow's counts when they were last read.
    struct Reading {
        var counts: FlowCounts
        var atMilliseconds: Int64
    }

    /// A flow to be reported.
    struct Due {
        let flow: FlowInfo
        let reading: Reading
    }

    private let intervalMilliseconds: Int64
    private var pending: [FlowKey: Reading] = [:]
    private var interval: Int64 = .min

    init(intervalMilliseconds: Int64) { self.intervalMilliseconds = intervalMilliseconds }

    /// Whether flows are to be reported at a moment.
    func isDue(atMilliseconds moment: Int64) -> Bool {
        !pending.isEmpty && moment / intervalMilliseconds > interval
    }

    /// Changes that a batch makes, to be kept once it is stored.
    func draft() -> Draft { Draft(interval: interval) }

    /// Keeps a batch's changes.
    mutating func keep(_ draft: Draft) {
        interval = draft.interval
        if draft.hasReported {
            pending = draft.noted
            return
        }
        for key in draft.forgotten { pending[key] = nil }
        pending.merge(draft.noted) { _, new in new }
    }
}

extension IntervalReports {
    /// What one batch changes. Apart from what it changes, so that a batch that fails has changed
    /// nothing and one that does not copies nothing.
    struct Draft {
        fileprivate var noted: [FlowKey: Reading] = [:]
        fileprivate var forgotten: Set<FlowKey> = []
        fileprivate var interval: Int64
        fileprivate var hasReported = false

        fileprivate init(interval: Int64) { self.interval = interval }

        /// Notes counts. Those of the interval before are due first: call `takeDue` before.
        mutating func note(_ flow: FlowInfo, _ reading: Reading) {
            noted[FlowKey(flow: flow)] = reading
        }

        /// A flow ended; its flow record tells the rest.
        mutating func forget(_ flow: FlowInfo) {
            let key = FlowKey(flow: flow)
            noted[key] = nil
            forgotten.insert(key)
        }

        /// The flows to report at a moment: none within an interval, all at the next one.
        mutating func takeDue(
            of reports: IntervalReports, atMilliseconds moment: Int64
        ) -> [Due] {
            let current = moment / reports.intervalMilliseconds
            guard current > interval else { return [] }
            interval = current
            if !hasReported {
                let earlier = reports.pending.filter { !forgotten.contains($0.key) }
                noted.merge(earlier) { new, _ in new }
            }
            hasReported = true
            defer { (noted, forgotten) = ([:], []) }
            return noted.map { Due(flow: $0.flow, reading: $1) }.sorted { one, other in
                (one.flow.id.high, one.flow.id.low) < (other.flow.id.high, other.flow.id.low)
            }
        }
    }
}

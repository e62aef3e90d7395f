public import Model

/// Sees the flows of every handler that names the plugin's GUID, and no others.
///
/// Guarantees: `opened` before anything else of a flow; `closed` exactly once and last; counts are
/// cumulative and never shrink; the counts of `closed` are the flow's totals, equal to the bytes
/// that the peers received. A batch is delivered until `observe` returns: a throw brings the same
/// batch again, with the same sequence number, after a pause. The gateway keeps the counters of an
/// ended flow on disk until then, so an observer that stores a batch in one transaction loses
/// nothing and doubles nothing, whenever the process dies. After a crash the flows of the dead
/// boot arrive as `recovered`, possibly ones that were stored already: the identity of the flow
/// tells, and the counts are cumulative.
///
/// An observer that stays behind too long loses events of ended flows; the loss is counted by
/// GUID and logged. It never delays a flow.
public protocol FlowObserver: Sendable {
    /// Takes a batch and rules on flows in it. Returning means: stored, or not needed again.
    func observe(_ batch: FlowBatch) async throws -> [FlowRuling]
}

/// Consecutive events for one observer.
public struct FlowBatch: Sendable {
    /// 1, 2, 3, … for each observer and boot; a repeated batch keeps its number.
    public let sequence: UInt64
    /// In the order in which they happened to each flow.
    public let events: [FlowEvent]

    /// A batch as the gateway makes it.
    public init(sequence: UInt64, events: [FlowEvent]) {
        self.sequence = sequence
        self.events = events
    }
}

/// Something that happened to a flow. Times are milliseconds since 1970, UTC.
public enum FlowEvent: Sendable {
    /// The flow exists: its upstream is connected, nothing has been counted yet.
    case opened(FlowInfo)
    /// Counts have grown. `atMilliseconds` is when they were read; counts since the event before
    /// belong to the usage bucket of that moment, because every flow is read at bucket edges.
    case counted(FlowInfo, FlowCounts, atMilliseconds: Int64)
    /// The flow is over and these are its totals.
    case closed(FlowInfo, FlowCounts, FlowEnd, atMilliseconds: Int64)
    /// A flow of a boot that died: its last counts, the time they were last stored.
    case recovered(FlowInfo, FlowCounts, FlowEnd, atMilliseconds: Int64)

    /// The flow.
    public var flow: FlowInfo {
        switch self {
        case .opened(let flow), .counted(let flow, _, _), .closed(let flow, _, _, _),
            .recovered(let flow, _, _, _):
            flow
        }
    }
}

/// What an observer decides about a running flow.
public struct FlowRuling: Sendable {
    /// The flow.
    public let flow: FlowID
    /// `deny` ends the flow with cause `ruled`.
    public let verdict: Verdict

    /// A ruling.
    public init(flow: FlowID, verdict: Verdict) {
        self.flow = flow
        self.verdict = verdict
    }
}

/// Whether a flow may be, and under which terms. More terms (rates, grants) come with billing.
public struct Verdict: Sendable, Hashable {
    /// Nil allows; otherwise why not, for the log.
    public let refusal: String?

    /// The flow may run.
    public static let allow = Verdict(refusal: nil)
    /// The flow may not run (any more). The reason is logged, so it names no secret.
    public static func deny(_ reason: String) -> Verdict { Verdict(refusal: reason) }
}

import Inbound
import Metering
import Model

/// Passes the settlement's calls on to the loops.
///
/// ## Concurrency
/// Confined to the control loop.
final class SiteCalls: Settlement.Loops {
    // The gateway owns the settlement, which owns this.
    private weak var gateway: Gateway?

    init(_ gateway: Gateway) { self.gateway = gateway }

    func release(_ slots: [UInt32], loop: Int) {
        gateway?.onSite(loop) { $0.station.ledger.release(slots) }
    }

    func cut(_ flows: Set<FlowID>, _ end: FlowEnd) {
        gateway?.onEverySite { $0.station.ledger.cut(flows, end) }
    }

    func setReported(_ guids: Set<String>) {
        gateway?.onEverySite { $0.station.ledger.setReported(guids) }
    }
}

import Limiting
import Metering
import Model

extension SOCKSAssociation: LimitedFlow {
    /// Datagrams do not wait, so nothing is to be gone on with.
    package func allowanceCame() {}

    package func allowanceEnded() {
        endFlows(FlowEnd(by: .gateway, phase: .relay, cause: .quota))
    }
}

extension ForwardSession: LimitedFlow {
    /// Datagrams do not wait, so nothing is to be gone on with.
    func allowanceCame() {}

    func allowanceEnded() { stop(FlowEnd(by: .gateway, phase: .relay, cause: .quota)) }
}

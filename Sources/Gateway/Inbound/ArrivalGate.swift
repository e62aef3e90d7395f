package import Limiting
import Model

/// Who may come in at all, before anything is said: connection limits of a service.
package struct ArrivalGate: Sendable {
    private let connections: ConnectionLimiter?
    private let arrivals: ArrivalLimiter?

    /// A gate; nil where neither limits.
    package init?(connections: ConnectionLimiter?, arrivals: ArrivalLimiter?) {
        if connections == nil, arrivals == nil { return nil }
        self.connections = connections
        self.arrivals = arrivals
    }

    /// Lets a client in, or says why not.
    func admit(_ address: IPAddress, nowNanoseconds: UInt64) -> Arrival {
        if let refusal = arrivals?.refusal(of: address, nowNanoseconds: nowNanoseconds) {
            return .refused(refusal)
        }
        return connections?.admit(address) ?? .admitted(nil)
    }
}

package import Model

/// Something that says which supplies a flow takes from: a limiter, or a quota.
package protocol LimitSource: Sendable {
    /// The supplies of a flow, of each direction; `shares` are its connection's.
    func supplies(
        for subject: LimitedSubject, _ shares: ConnectionShares, nowNanoseconds: UInt64
    ) -> Supplies
    /// Why a client may have no further flow; nil, the default, when it may.
    func refusal(of subject: LimitedSubject) -> String?
}

extension LimitSource {
    package func refusal(of subject: LimitedSubject) -> String? { nil }
}

/// Whom limits are about.
package struct LimitedSubject: Hashable, Sendable {
    /// The client's address.
    package let address: IPAddress
    /// Who it said it is; nil where nobody asks.
    package let user: String?
    /// The port of its connection; 0 where it does not matter.
    package let port: UInt16

    package init(address: IPAddress, user: String?, port: UInt16 = 0) {
        self.address = address
        self.port = port
        self.user = user
    }
}

/// What a flow takes from, in each direction; all of them at once.
package struct Supplies: Sendable {
    /// For what the client sends.
    package var uplink: [any Supply] = []
    /// For what the client gets.
    package var downlink: [any Supply] = []

    package init(uplink: [any Supply] = [], downlink: [any Supply] = []) {
        self.uplink = uplink
        self.downlink = downlink
    }
}

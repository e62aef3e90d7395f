import Bytes
package import Model

/// A forwarder's targets, and whose turn it is.
///
/// ## Concurrency
/// Any loop; see `Selector`.
package final class TargetList: Sendable {
    /// One target and its part.
    package struct Target: Sendable {
        /// Where it is.
        package let destination: Destination
        /// Its share, and when it rests.
        package let member: Selector.Member

        package init(_ destination: Destination, _ member: Selector.Member) {
            self.destination = destination
            self.member = member
        }
    }

    /// Where the targets are, in file order.
    package let targets: [Destination]
    private let selector: Selector

    /// Targets; at least one.
    package init(_ targets: [Target], strategy: Selector.Strategy) {
        self.targets = targets.map(\.destination)
        selector = Selector(targets.map(\.member), strategy: strategy)
    }

    /// Targets of equal share.
    package convenience init(
        _ destinations: [Destination], strategy: Selector.Strategy, maxFails: Int,
        failTimeoutMilliseconds: Int64
    ) {
        let member = Selector.Member(
            maxFails: maxFails, failTimeoutMilliseconds: failTimeoutMilliseconds)
        self.init(destinations.map { Target($0, member) }, strategy: strategy)
    }

    /// The targets to try for a client, best first, every target once.
    package func order(client: Endpoint, nowMilliseconds: Int64, random: UInt64) -> [Int] {
        selector.order(
            Array(targets.indices),
            Selector.Draw(
                key: CRC32.checksum(client.address.description), nowMilliseconds: nowMilliseconds,
                random: random))
    }

    /// A target answered.
    package func succeeded(_ target: Int) { selector.succeeded(target) }

    /// A target did not answer.
    package func failed(_ target: Int, nowMilliseconds: Int64) {
        selector.failed(target, nowMilliseconds: nowMilliseconds)
    }
}

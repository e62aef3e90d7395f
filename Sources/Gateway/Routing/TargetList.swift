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
        /// Whom it is for.
        package let filter: RouteFilter
        /// Its share, and when it rests.
        package let member: Selector.Member

        package init(
            _ destination: Destination, filter: RouteFilter = .everything,
            _ member: Selector.Member
        ) {
            self.destination = destination
            self.filter = filter
            self.member = member
        }
    }

    /// Where the targets are, in file order.
    package let targets: [Destination]
    private let filters: [RouteFilter]
    private let selector: Selector

    /// Targets; at least one.
    package init(_ targets: [Target], strategy: Selector.Strategy) {
        self.targets = targets.map(\.destination)
        filters = targets.map(\.filter)
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

    /// The targets to try for a client, best first, each once; none where all are for others.
    package func order(
        client: Endpoint, transport: TransportProtocol, nowMilliseconds: Int64, random: UInt64
    ) -> [Int] {
        let candidates = targets.indices.filter { index in
            filters[index].passes(
                RouteQuery(targets[index], transport: transport, client: client, user: nil))
        }
        let draw = Selector.Draw(
            key: CRC32.checksum(client.address.description), nowMilliseconds: nowMilliseconds,
            random: random)
        return selector.order(candidates, draw) { filters[$0].priority }
    }

    /// A target answered.
    package func succeeded(_ target: Int) { selector.succeeded(target) }

    /// A target did not answer.
    package func failed(_ target: Int, nowMilliseconds: Int64) {
        selector.failed(target, nowMilliseconds: nowMilliseconds)
    }
}

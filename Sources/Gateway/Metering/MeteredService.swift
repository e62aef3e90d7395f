package import Model

/// How the flows of one service are metered: its facts, and what legacy reporters want.
///
/// ## Concurrency
/// Immutable, so any thread may read it.
package final class MeteredService: Sendable {
    /// The facts that flow records carry.
    package let info: ServiceInfo
    /// Whether reporters get `rx` and `tx` the way the first implementation had them
    /// (`stats.compat: aerocore`).
    package let usesAerocoreDirections: Bool
    /// Whether reporters hear of TCP as well (`stats.tcp: true`).
    package let reportsTCP: Bool

    /// How one service is metered.
    package init(info: ServiceInfo, usesAerocoreDirections: Bool = false, reportsTCP: Bool = false)
    {
        self.info = info
        self.usesAerocoreDirections = usesAerocoreDirections
        self.reportsTCP = reportsTCP
    }

    /// Whether all that it says is the same.
    package func isEqual(to other: MeteredService) -> Bool {
        info.service == other.info.service && info.handler == other.info.handler
            && info.guids == other.info.guids && reportsTCP == other.reportsTCP
            && usesAerocoreDirections == other.usesAerocoreDirections
    }
}

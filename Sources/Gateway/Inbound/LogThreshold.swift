package import PluginKit
import Synchronization

/// The least important level that is written; it may change while lines are written.
///
/// ## Concurrency
/// Any thread; an atomic holds it, which is read once per line.
package final class LogThreshold: Sendable {
    private let rank: Atomic<Int>

    /// A threshold.
    package init(_ level: LogLevel) { rank = Atomic(level.rawValue) }

    /// Whether lines of a level are written.
    func lets(_ level: LogLevel) -> Bool { level.rawValue >= rank.load(ordering: .relaxed) }

    /// Lines of this level and above are written from now on.
    package func set(_ level: LogLevel) { rank.store(level.rawValue, ordering: .relaxed) }
}

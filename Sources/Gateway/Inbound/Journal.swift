package import PluginKit

/// Where the gateway's parts write their log lines.
///
/// A line is an event with fields; nothing is formatted when its level is off. Values from outside
/// are escaped by the writer. Never hand it a secret.
///
/// ## Concurrency
/// Any thread may write.
package struct Journal: Sendable {
    /// One field of a line.
    package typealias Field = (name: String, value: String)

    private let threshold: LogThreshold
    private let sink: @Sendable (LogLevel, String, [Field]) -> Void

    /// A journal that passes lines at `threshold` and above to `sink`.
    package init(
        threshold: LogLevel, sink: @escaping @Sendable (LogLevel, String, [Field]) -> Void
    ) {
        self.init(threshold: LogThreshold(threshold), sink: sink)
    }

    /// A journal whose threshold may change.
    package init(
        threshold: LogThreshold, sink: @escaping @Sendable (LogLevel, String, [Field]) -> Void
    ) {
        self.threshold = threshold
        self.sink = sink
    }

    /// Whether lines of a level are written.
    package func isOn(_ level: LogLevel) -> Bool { threshold.lets(level) }

    /// Writes a line.
    package func callAsFunction(
        _ level: LogLevel, _ event: @autoclosure () -> String,
        _ fields: @autoclosure () -> [Field] = []
    ) {
        if isOn(level) { sink(level, event(), fields()) }
    }
}

/// Contributes samples to the metrics endpoint.
public protocol Metrics: Sendable {
    /// The samples as of now, at most 1000; the page puts `weir_plugin_` in front of the names.
    func samples() async -> [MetricSample]
}

/// One number with its labels.
public struct MetricSample: Sendable {
    /// The metric's name.
    public let name: String
    /// Labels; few and bounded.
    public let labels: [(name: String, value: String)]
    /// The value.
    public let value: Double

    /// A sample.
    public init(name: String, labels: [(name: String, value: String)], value: Double) {
        self.name = name
        self.labels = labels
        self.value = value
    }
}

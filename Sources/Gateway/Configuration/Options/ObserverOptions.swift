package import Options

/// An object of `observers`: a server that is told what services do and what their flows move.
package struct ObserverOptions: Sendable {
    /// Unique among observers.
    package let name: Located<String>
    /// The server; nil after a mistake.
    package let plugin: HTTPPluginOptions?

    init(name: Located<String>, plugin: HTTPPluginOptions?) {
        self.name = name
        self.plugin = plugin
    }
}

/// An observer where a service or its handler names it.
package struct ObserverReference: Sendable {
    /// The observer's name.
    package let name: Located<String>
    /// How often it is told what has changed; a second at least.
    package let period: Duration
    /// Whether bytes are those since it was told last, instead of all.
    package let resetsTraffic: Bool
    /// Whether it is told counts; a service without `enableStats` tells its state alone.
    package let hasCounts: Bool

    init(name: Located<String>, period: Duration, resetsTraffic: Bool, hasCounts: Bool) {
        self.name = name
        self.period = period
        self.resetsTraffic = resetsTraffic
        self.hasCounts = hasCounts
    }
}

/// Where a plugin attaches its capabilities. Order of attachment is order of calling.
public struct ExtensionPoints {
    /// Receive flow events of handlers that name the plugin's GUID.
    public private(set) var flowObservers: [any FlowObserver] = []
    /// Check user names and passwords for services whose `auther:` names the plugin's GUID.
    public private(set) var authenticators: [any Authenticator] = []
    /// Allow or refuse flows of handlers that name the plugin's GUID, before they are dialled.
    public private(set) var admissions: [any Admission] = []
    /// Receive per-datagram callbacks of handlers that name the plugin's GUID.
    public private(set) var statsReporters: [any TrafficStatsReporter] = []
    /// Do work at regular times.
    public private(set) var periodics: [any Periodic] = []
    /// Publish accounts.
    public private(set) var accountSources: [any AccountSource] = []
    /// Choose the way upstream.
    public private(set) var upstreamChoosers: [any UpstreamChooser] = []
    /// Answer HTTP requests.
    public private(set) var routes: [any Routes] = []
    /// Contribute metrics.
    public private(set) var metrics: [any Metrics] = []

    /// Nothing attached.
    public init() {}

    /// Attaches an observer of flows.
    public mutating func add(observer: some FlowObserver) { flowObservers.append(observer) }
    /// Attaches an authenticator.
    public mutating func add(authenticator: some Authenticator) {
        authenticators.append(authenticator)
    }
    /// Attaches an admission.
    public mutating func add(admission: some Admission) { admissions.append(admission) }
    /// Attaches a reporter, as `registerStatsReporter` would under the plugin's GUID.
    public mutating func add(reporter: some TrafficStatsReporter) {
        statsReporters.append(reporter)
    }
    /// Attaches regular work.
    public mutating func add(periodic: some Periodic) { periodics.append(periodic) }
    /// Attaches a source of accounts.
    public mutating func add(accountSource source: some AccountSource) {
        accountSources.append(source)
    }
    /// Attaches a chooser of upstreams.
    public mutating func add(upstreamChooser chooser: some UpstreamChooser) {
        upstreamChoosers.append(chooser)
    }
    /// Attaches HTTP routes.
    public mutating func add(routes: some Routes) { self.routes.append(routes) }
    /// Attaches metrics.
    public mutating func add(metrics: some Metrics) { self.metrics.append(metrics) }

    /// Names of attached capabilities that this version of the gateway does not call yet. The
    /// start is refused with them, so that no plugin waits in vain.
    public var uncalled: [String] {
        var names: [String] = []
        if !accountSources.isEmpty { names.append("AccountSource") }
        if !upstreamChoosers.isEmpty { names.append("UpstreamChooser") }
        return names
    }
}

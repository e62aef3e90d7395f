/// A whole configuration, typed. Every part remembers where it stood.
package struct GatewayOptions: Sendable {
    /// What listens, in file order.
    package var services: [ServiceOptions] = []
    /// Ways through proxies, by name.
    package var chains: [ChainOptions] = []
    /// Steps that several chains share, by name.
    package var hops: [HopOptions] = []
    /// Lists of users, by name.
    package var authers: [AutherOptions] = []
    /// Clients that are let in or not, by name of the list.
    package var admissions: [AdmissionOptions] = []
    /// Destinations that are served or not, by name of the list.
    package var bypasses: [BypassOptions] = []
    /// Fixed names, by name of the list.
    package var hosts: [HostsOptions] = []
    /// Name servers, by name of the group.
    package var resolvers: [ResolverOptions] = []
    /// Rates, by name.
    package var limiters: [LimitListOptions<TrafficLimitOptions>] = []
    /// Rates that servers decide, by name.
    package var remoteLimiters: [RemoteLimiterOptions] = []
    /// How many connections there may be, by name.
    package var connectionLimiters: [LimitListOptions<Int>] = []
    /// How many connections may come in a second, by name.
    package var arrivalLimiters: [LimitListOptions<Double>] = []
    /// How many bytes may be moved in all, by name.
    package var quotas: [QuotaOptions] = []
    /// Servers that are told what moved, by name.
    package var observers: [ObserverOptions] = []
    /// Where the API answers.
    package var api: ControlOptions?
    /// Where the metrics can be read.
    package var metrics: ControlOptions?
    /// Where the log goes, and how much of it.
    package var log = LogOptions()
    /// Plugins in file order, which is the order of calling.
    package var plugins: [PluginOptions] = []
    /// What concerns the process.
    package var runtime = RuntimeOptions()

    /// The parts of the control plane that answer HTTP.
    package var control: [ControlOptions] { [api, metrics].compactMap { $0 } }

    /// Nothing configured.
    package init() {}
}

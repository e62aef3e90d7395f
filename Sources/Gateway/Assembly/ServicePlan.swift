import Inbound
import LinuxIO
import Model
import Options
import Routing

/// A service as it is to be opened on every loop.
struct ServicePlan: Sendable {
    /// Where it listens.
    let address: Located<Endpoint>
    /// What it accepts.
    let transport: TransportProtocol
    /// What its handlers do.
    let settings: ServiceSettings
    /// Plugins that are asked about each flow.
    let admissions: [PluginAdmission]
    /// Makes the service's resolver for a loop.
    let makeResolver: @Sendable (Station) -> any NameResolver
    /// Makes the service's ways for a loop.
    let makeRoute: @Sendable (Station) -> Router.Plan
    /// The service's address policy.
    let guarding: AddressGuard
    /// Told of sockets that listen for a while.
    let passing: PassingEndpoints
}

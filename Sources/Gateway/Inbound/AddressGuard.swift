package import Model

/// Says why a service must not connect somewhere; nil allows. Asked at every attempt, after
/// resolution. Part of the gateway's safety, so it is one function for all handlers.
package typealias AddressGuard = @Sendable (Endpoint, _ client: Endpoint) -> String?

/// Told where a service listens for a while, so that the guard refuses to connect there.
package struct PassingEndpoints: Sendable {
    /// A socket listens there from now on.
    let occupy: @Sendable (Endpoint) -> Void
    /// It is closed.
    let vacate: @Sendable (Endpoint) -> Void

    package init(
        occupy: @escaping @Sendable (Endpoint) -> Void,
        vacate: @escaping @Sendable (Endpoint) -> Void
    ) {
        self.occupy = occupy
        self.vacate = vacate
    }

    /// Nobody is told.
    package static let untold = PassingEndpoints(occupy: { _ in }, vacate: { _ in })
}

package import Model

/// Says why a service must not connect somewhere; nil allows. Asked at every attempt, after
/// resolution. Part of the gateway's safety, so it is one function for all handlers.
package typealias AddressGuard = @Sendable (Endpoint, _ client: Endpoint) -> String?

package import Model

/// What a proxy that connects to us says about the connection that it connects for.
package struct Introduction: Hashable, Sendable {
    /// Who connected to the proxy.
    package let client: Endpoint
    /// Where that client connected to.
    package let destination: Endpoint

    /// An introduction as it was told.
    package init(client: Endpoint, destination: Endpoint) {
        self.client = client
        self.destination = destination
    }
}

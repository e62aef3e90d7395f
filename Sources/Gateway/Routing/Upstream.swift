package import Loop
package import Model

/// A connected way to a destination, as a handler gets it.
///
/// ## Concurrency
/// Confined to its stream's loop.
package struct Upstream {
    /// The stream to the destination or to the first hop. Bytes that it has received and not
    /// consumed are the destination's first ones.
    package let socket: StreamSocket
    /// The destination's address; unspecified, with the port, where its name went down a chain.
    package let destination: Endpoint
    /// Names of the nodes taken, outermost first; empty when direct.
    package let route: [String]

    /// A way that was taken.
    package init(_ socket: StreamSocket, to destination: Endpoint, route: [String] = []) {
        self.socket = socket
        self.destination = destination
        self.route = route
    }
}

package import Model

/// Whose PROXY headers a service believes.
///
/// A header names the client for policy, logins and records, so whoever is believed can be anybody.
package struct Introducers: Sendable {
    private let networks: [IPPrefix]?

    /// Those of some networks; nil is everybody.
    package init(in networks: [IPPrefix]?) { self.networks = networks }

    /// Whether a header from there is believed; else bytes that look like one are the client's own.
    func include(_ neighbor: Endpoint) -> Bool {
        networks?.contains { $0.contains(neighbor.address) } ?? true
    }
}

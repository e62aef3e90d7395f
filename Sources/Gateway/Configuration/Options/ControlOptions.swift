package import Model
package import Options

/// Where and for whom a part of the control plane answers HTTP: `api:` or `metrics:`.
package struct ControlOptions: Sendable {
    /// Which part.
    package enum Part: String, Sendable {
        /// `api:`.
        case api
        /// `metrics:`.
        case metrics
    }

    /// A TCP address or a Unix socket.
    package enum Address: Hashable, Sendable, CustomStringConvertible {
        /// TCP.
        case endpoint(Endpoint)
        /// The path of a Unix socket.
        case path(String)

        /// As the file has it.
        package var description: String {
            switch self {
            case .endpoint(let endpoint): endpoint.description
            case .path(let path): "unix://\(path)"
            }
        }
    }

    /// Which part of the control plane.
    package let part: Part
    /// Where it listens.
    package let address: Located<Address>
    /// In front of the API's paths, without a slash at its end; of metrics the path itself.
    package let path: String
    /// Whether each request is a log line.
    package let logsAccess: Bool
    /// The one user, where no auther is named.
    package let credential: Credential?
    /// Who knows the users.
    package let auther: Located<String>?
    /// Programs may prove themselves with this instead of a user and a password (RFC 6750).
    package let token: Located<String>?
    /// Origins of web pages that may ask, as browsers write them; `*` is every one.
    package let allowedOrigins: [String]
    /// Proxies whose X-Forwarded-For is believed.
    package let trustedProxies: [IPPrefix]

    /// Whether everybody who reaches the address may ask.
    package var isOpen: Bool { credential == nil && auther == nil && token == nil }

    /// The TCP address; nil for a Unix socket.
    package var endpoint: Endpoint? {
        if case .endpoint(let endpoint) = address.value { endpoint } else { nil }
    }
}

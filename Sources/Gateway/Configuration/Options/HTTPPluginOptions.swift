package import Model
package import Options

/// A server that decides in the gateway's place, by gost's plugin protocol over HTTP.
package struct HTTPPluginOptions: Sendable {
    /// Where it is asked.
    package let address: Located<HTTPAddress>
    /// Sent as `Authorization: Bearer`; a secret.
    package let token: String?
    /// For a whole answer.
    package let timeout: Duration
    /// Whether it must prove over TLS that it is the right one.
    package let isVerified: Bool
    /// The name that its certificate must have; nil for the address' host.
    package let serverName: String?
    /// Certificates to trust instead of the system's.
    package let authorityFile: String?

    init(
        address: Located<HTTPAddress>, token: String?, timeout: Duration, isVerified: Bool,
        serverName: String?, authorityFile: String?
    ) {
        self.address = address
        self.token = token
        self.timeout = timeout
        self.isVerified = isVerified
        self.serverName = serverName
        self.authorityFile = authorityFile
    }
}

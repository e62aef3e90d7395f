import Model

/// What `addr:` of a service may be.
enum ListenAddress {
    /// Why text is no address to listen on; continues "'addr' …".
    struct Fault: Error {
        let reason: String
    }

    /// Reads `:8080` (all addresses of both families), `192.0.2.1:80`, `[::1]:80` or
    /// `localhost:80`.
    static func read(_ text: String) -> Result<Endpoint, Fault> {
        guard let colon = text.lastIndex(of: ":") else {
            return .failure(Fault(reason: "must end with a port"))
        }
        let (host, digits) = (text[..<colon], text[text.index(after: colon)...])
        guard let port = Endpoint.port(digits) else {
            let isNumber = !digits.isEmpty && digits.utf8.allSatisfy { (48...57).contains($0) }
            return .failure(
                Fault(
                    reason: isNumber
                        ? "must have a port from 0 to 65535" : "must end with a port"))
        }
        if host.isEmpty { return .success(Endpoint(.anyV6, port)) }
        if host.lowercased() == "localhost" { return .success(Endpoint(.loopbackV4, port)) }
        if let endpoint = Endpoint(text) { return .success(endpoint) }
        if IPAddress(host) != nil {
            return .failure(Fault(reason: "must have its IPv6 address in brackets"))
        }
        return .failure(Fault(reason: "must be an IP address and a port, not a name"))
    }
}

package import Model

/// One request to a server of the control plane.
package struct HTTPRequest: Sendable {
    /// What is done.
    package enum Method: String, Sendable {
        /// Asks for something.
        case get = "GET"
        /// Brings something.
        case post = "POST"
    }

    /// How a server proves that it is the right one, over TLS.
    package struct Trust: Sendable, Hashable {
        /// Whether it must prove it at all.
        package var isVerified = true
        /// The name that its certificate must have; nil for the address' host.
        package var serverName: String?
        /// A file of certificates to trust instead of the system's.
        package var authorityFile: String?

        /// By the system's certificates and the address' host.
        package init() {}
    }

    /// What is done.
    package var method: Method
    /// Where.
    package var address: HTTPAddress
    /// The type of the body; nil without one.
    package var contentType: String?
    /// What is brought.
    package var body: [UInt8]
    /// Sent as `Authorization: Bearer`; a secret, without control characters.
    package var token: String?
    /// How the server proves who it is.
    package var trust = Trust()
    /// For the whole exchange, names and connecting included.
    package var timeoutMilliseconds: Int
    /// The longest body that is taken in answer.
    package var responseBytesMax = Limits.pluginResponseBytes

    package init(
        _ method: Method, _ address: HTTPAddress, contentType: String? = nil, body: [UInt8] = [],
        timeoutMilliseconds: Int
    ) {
        self.method = method
        self.address = address
        self.contentType = contentType
        self.body = body
        self.timeoutMilliseconds = timeoutMilliseconds
    }
}

/// What a server answered, whole. Redirections are not followed.
package struct HTTPResponse: Sendable, Hashable {
    /// The status code.
    package let status: Int
    /// The body.
    package let body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}

/// Why there is no answer. No secret stands in it.
package enum HTTPFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// Not whole within the time given.
    case timedOut
    /// No connection: no such name, nobody listens.
    case unreachable(String)
    /// No TLS, or a certificate that is not right.
    case untrusted(String)
    /// The body is longer than the request allows.
    case tooLarge
    /// What came is no HTTP, or ended early.
    case broken(String)
    /// Too many requests wait already.
    case overloaded
    /// The client was stopped.
    case stopped

    /// In words, for a log.
    package var description: String {
        switch self {
        case .timedOut: "no whole answer in time"
        case .unreachable(let reason), .untrusted(let reason), .broken(let reason): reason
        case .tooLarge: "the answer is too large"
        case .overloaded: "too many requests wait"
        case .stopped: "the gateway stops"
        }
    }
}

/// Sends requests. The real one is `CurlSender`; tests script one.
///
/// ## Concurrency
/// Any loop may ask; the answer comes back to the asker's own executor.
package protocol HTTPSender: Sendable {
    /// Sends a request and waits for the whole answer.
    func send(_ request: HTTPRequest) async throws(HTTPFault) -> HTTPResponse
    /// Ends what runs; later requests fail.
    func stop()
}

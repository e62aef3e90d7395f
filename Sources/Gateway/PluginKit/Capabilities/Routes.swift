public import Model

/// Answers HTTP requests on the address of the API (`api:` in the configuration, which must be
/// there).
public protocol Routes: Sendable {
    /// What the plugin answers. Asked once, at the start.
    var routes: [Route] { get }
    /// Answers one request. A throw is answered with 502 and logged.
    func answer(_ request: RouteRequest) async throws -> RouteResponse
}

/// A path, or all below one, and what requests to it may be.
public struct Route: Sendable {
    /// Who checks who asks.
    public enum Access: Sendable {
        /// Whoever may use the API.
        case operators
        /// The route itself: requests come unchecked. For webhooks and such.
        case own
    }

    /// Begins with a slash. One that ends with a slash stands for all paths below it.
    public let path: String
    /// Who checks who asks.
    public let access: Access
    /// The most bytes of a request's body; more is answered with 413.
    public let bodyBytes: Int

    /// A route. The largest body is 1 MiB unless said otherwise.
    public init(path: String, access: Access = .operators, bodyBytes: Int = 1 << 20) {
        self.path = path
        self.access = access
        self.bodyBytes = bodyBytes
    }
}

/// A request to a route.
public struct RouteRequest: Sendable {
    /// `GET`, `POST`, …
    public let method: String
    /// The path as received, from the slash up to the query.
    public let path: String
    /// What stands behind the question mark as received; nil without one.
    public let query: String?
    /// Fields in order, names as received.
    public let fields: [(name: String, value: String)]
    /// Who asks: the peer, or whom a trusted proxy names. Unspecified on a Unix socket.
    public let client: Endpoint
    /// The operator who logged in; nil where nobody had to.
    public let user: String?
    /// The body, not read yet.
    public let body: RouteBody

    /// A request, as the server or a test makes it.
    public init(
        method: String, path: String, query: String? = nil,
        fields: [(name: String, value: String)] = [], client: Endpoint, user: String? = nil,
        body: RouteBody = RouteBody([])
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.fields = fields
        self.client = client
        self.user = user
        self.body = body
    }

    /// The value of the first field of that name, in any case.
    public func field(_ name: String) -> String? {
        fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// A request's body as it arrives: nothing is read, and a client that waits for 100 is not told to
/// go on, before it is asked for.
///
/// ## Concurrency
/// Any thread; one call at a time.
public struct RouteBody: Sendable {
    private let read: @Sendable () async throws -> [UInt8]?

    /// A body from a source of pieces; nil is its end.
    public init(_ read: @escaping @Sendable () async throws -> [UInt8]?) { self.read = read }

    /// A body of these bytes.
    public init(_ bytes: [UInt8]) {
        let rest = Once(bytes)
        read = { await rest.take() }
    }

    /// The next piece; nil at the end. Throws when the client is gone, too slow, or sends more than
    /// the route allows; pass that on, and the server answers it.
    public func next() async throws -> [UInt8]? { try await read() }

    /// The whole body, within the route's bound.
    public func whole() async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = try await read() { bytes += piece }
        return bytes
    }

    /// Bytes that are handed out once.
    ///
    /// ## Concurrency
    /// An actor, for tests and small bodies.
    private actor Once {
        private var bytes: [UInt8]?

        init(_ bytes: [UInt8]) { self.bytes = bytes.isEmpty ? nil : bytes }

        func take() -> [UInt8]? {
            defer { bytes = nil }
            return bytes
        }
    }
}

/// The answer of a route.
public struct RouteResponse: Sendable {
    /// What follows the head.
    public enum Body: Sendable {
        /// All of it.
        case bytes([UInt8])
        /// Pieces as they come: the closure sends each with the function given, which waits while
        /// the client is slow and throws when it is gone. Returning ends the answer; a throw cuts
        /// the connection, so that a part is not taken for the whole.
        case stream(
            @Sendable (_ send: @escaping @Sendable ([UInt8]) async throws -> Void) async throws ->
                Void)
    }

    /// The status code, 200...599.
    public let status: Int
    /// Fields in order; Content-Length, Date and the connection are the server's.
    public let fields: [(name: String, value: String)]
    /// The body.
    public let body: Body

    /// An answer of bytes.
    public init(status: Int, fields: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.init(status: status, fields: fields, body: .bytes(body))
    }

    /// An answer.
    public init(status: Int, fields: [(name: String, value: String)] = [], body: Body) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// An answer of text.
    public init(status: Int, text: String) {
        self.init(
            status: status, fields: [("Content-Type", "text/plain; charset=utf-8")],
            body: Array(text.utf8))
    }
}

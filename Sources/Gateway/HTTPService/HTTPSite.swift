import Codecs
package import Model
package import PluginKit

/// What an HTTP server of the control plane answers, and for whom.
package struct HTTPSite {
    /// What a client proves itself with.
    package enum Credentials: Equatable, Sendable {
        /// RFC 7617.
        case basic(user: String, password: String)
        /// RFC 6750.
        case bearer(token: String)
    }

    /// A path with its answer.
    package struct Mount {
        /// The path, what may be sent to it, and who checks.
        package let route: Route
        /// Whether a client that must log in elsewhere need not here.
        package let answer: (RouteRequest) async throws -> RouteResponse

        package init(
            _ route: Route, answer: @escaping (RouteRequest) async throws -> RouteResponse
        ) {
            precondition(route.path.hasPrefix("/"), "a route's path begins with a slash")
            self.route = route
            self.answer = answer
        }

        /// Whether the path is this one or, where the route's ends with a slash, below it.
        func takes(_ path: String) -> Bool {
            route.path.hasSuffix("/") ? path.hasPrefix(route.path) : path == route.path
        }
    }

    /// The name in log lines, such as `api`.
    package let name: String
    /// What is answered; the longest path that fits wins.
    package var mounts: [Mount] = []
    /// Who credentials belong to; nil refuses them. Without it everybody who reaches the address
    /// may ask, and Host must be an address or localhost: a web page that has its own name resolved
    /// to ours (DNS rebinding) gets nothing.
    package var login: ((Credentials, Endpoint) async -> String?)?
    /// Shown to users who must log in.
    package var realm = "weir"
    /// Proxies whose X-Forwarded-For is believed.
    package var trustedProxies: [IPPrefix] = []
    /// Origins of web pages that may ask (CORS), as browsers write them; nobody by default.
    package var allowedOrigins: [String] = []
    /// Whether each request is a log line.
    package var logsAccess = false

    /// A site without answers.
    package init(name: String) { self.name = name }

    func mount(for path: String) -> Mount? {
        mounts.filter { $0.takes(path) }.max { $0.route.path.utf8.count < $1.route.path.utf8.count }
    }
}

extension HTTPSite {
    /// What is wrong with where a request comes from, in words; nil allows it.
    func objection(to head: HTTP1.RequestHead) -> String? {
        if login == nil, let host = head.host, !Self.isHarmless(host) {
            return "this name is not answered; ask by address or as localhost"
        }
        // Browsers send cookies and logins along with what foreign pages make them ask.
        if let origin = head.fields.text("origin"), !allows(origin),
            !Self.isSame(origin, head.host)
        {
            return "requests of other web pages are not answered"
        }
        return nil
    }

    /// Whether pages of an origin may ask.
    func allows(_ origin: String) -> Bool {
        allowedOrigins.contains("*") || allowedOrigins.contains(origin.lowercased())
    }

    private static func isHarmless(_ host: HTTP1.Authority) -> Bool {
        switch host.host {
        case .address: true
        case .name(let name): name.lowercased() == "localhost"
        }
    }

    private static func isSame(_ origin: String, _ host: HTTP1.Authority?) -> Bool {
        guard let host else { return false }
        return ["http://", "https://"].contains {
            origin.lowercased() == $0 + "\(host)".lowercased()
        }
    }

    /// Who asks: the peer, or the last address in X-Forwarded-For that is no trusted proxy's.
    func client(_ head: HTTP1.RequestHead, peer: Endpoint) -> Endpoint {
        var client = peer
        for member in head.fields.members("x-forwarded-for").reversed() {
            guard trustedProxies.contains(where: { $0.contains(client.address) }) else { break }
            let text = String(decoding: member, as: UTF8.self)
            guard let next = Endpoint(text) ?? IPAddress(text).map({ Endpoint($0, 0) })
            else { break }
            client = next
        }
        return client
    }
}

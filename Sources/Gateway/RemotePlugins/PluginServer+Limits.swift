import Codecs
package import Model

/// Whose limits a server is asked for.
package struct LimitQuestion: Sendable, Hashable {
    /// gost's scopes.
    package enum Scope: String, Sendable {
        /// Everything that a service moves.
        case service
        /// One client's connection.
        case connection = "conn"
        /// One client, by the name that it logged in with.
        case client
    }

    /// What the limit is about.
    package let scope: Scope
    /// The service.
    package let service: String
    /// Who the client is; empty where nobody knows, and for other scopes.
    package let client: String
    /// Where the client is; nil where it is not about one.
    package let source: Endpoint?

    package init(_ scope: Scope, service: String, client: String = "", source: Endpoint? = nil) {
        self.scope = scope
        self.service = service
        self.client = client
        self.source = source
    }
}

/// What a server says about somebody's limits: bytes in a second; nil is without limit.
package struct LimitAnswer: Sendable, Hashable {
    /// For what the client sends.
    package let uplink: ByteRate?
    /// For what the client gets.
    package let downlink: ByteRate?

    package init(uplink: ByteRate?, downlink: ByteRate?) {
        self.uplink = uplink
        self.downlink = downlink
    }
}

extension PluginServer {
    /// Asks for limits: `{service, scope, network, addr, client, src}`, answered `{in, out}` in
    /// bytes per second, of which 0 and less are no limit. Nil where there is no answer.
    package func limits(_ question: LimitQuestion) async -> LimitAnswer? {
        var json = JSONText()
        json.beginObject()
        json.field("service", question.service)
        json.field("scope", question.scope.rawValue)
        // Flows of both kinds share one limit here, and go to many addresses.
        json.field("network", "tcp")
        json.field("addr", "")
        json.field("client", question.client)
        json.field("src", question.source?.description ?? "")
        json.endObject()
        return await ask(json.bytes, form: #"{"in":N,"out":N}, bytes per second"#) {
            Self.limits($0)
        }
    }

    private static func limits(_ answer: JSON) -> LimitAnswer? {
        let members = [answer["in"], answer["out"]]
        guard members.contains(where: { $0 != nil }) else { return nil }
        var rates: [ByteRate?] = []
        for member in members {
            guard let member else {
                rates.append(nil)
                continue
            }
            guard let number = member.int64 else { return nil }
            rates.append(number > 0 ? ByteRate(bytesPerSecond: Int(number)) : nil)
        }
        return LimitAnswer(uplink: rates[0], downlink: rates[1])
    }
}

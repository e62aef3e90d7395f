import Codecs
import Model
package import PluginKit

/// Asks a server about logins: `{service, username, password, client}`, answered `{ok, id}`.
///
/// Closed when in doubt: no answer in time, any status but 200 and anything that is not this JSON
/// is a refusal. `ok: false` passes on to the next auther, as in gost.
package struct HTTPAuthenticator: Authenticator {
    private let server: PluginServer

    package init(_ server: PluginServer) { self.server = server }

    package func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationAnswer {
        var json = JSONText()
        json.beginObject()
        json.field("service", attempt.service)
        json.field("username", attempt.username)
        json.field("password", attempt.password)
        json.field("client", attempt.client.description)
        json.endObject()
        let answer = await server.ask(
            json.bytes, form: #"{"ok":true,"id":"…"} or {"ok":false}"#
        ) { Self.answer($0, attempt.username) }
        return answer ?? .refused
    }

    /// The name that flows are billed to is the server's, or else what the client said.
    private static func answer(_ json: JSON, _ username: String) -> AuthenticationAnswer? {
        guard let isRight = json["ok"]?.truth else { return nil }
        guard isRight else { return .unknownUser }
        let id: String
        switch json["id"] {
        case nil, .null: id = ""
        case .string(let text): id = text
        case .bool, .number, .list, .object: return nil
        }
        let isClean = id.utf8.count <= 255 && id.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
        guard isClean else { return nil }
        return .accepted(user: id.isEmpty ? username : id)
    }
}

public import Model

/// Checks user names and passwords for services whose `auther:` or `authers:` names the plugin.
public protocol Authenticator: Sendable {
    /// Answers within `Limits.pluginAnswerMilliseconds`; later, or with a throw, it is a refusal.
    func authenticate(_ attempt: AuthenticationAttempt) async throws -> AuthenticationAnswer
}

/// A user name and password as a client sent them. Do not log the password.
public struct AuthenticationAttempt: Sendable {
    /// The service.
    public let service: String
    /// The client's address.
    public let client: Endpoint
    /// The user name, at most 255 bytes.
    public let username: String
    /// The password, at most 255 bytes.
    public let password: String

    /// An attempt.
    public init(service: String, client: Endpoint, username: String, password: String) {
        self.service = service
        self.client = client
        self.username = username
        self.password = password
    }
}

/// An authenticator's answer.
public enum AuthenticationAnswer: Sendable, Hashable {
    /// The credentials are right; flows are billed to this user name.
    case accepted(user: String)
    /// The user is known here and the password is wrong. No other auther is asked.
    case refused
    /// The user is not known here. The next auther in the list is asked.
    case unknownUser
}

package import Loop
import Model
package import PluginKit

/// Asks a plugin about a login, on the plugin's own thread and with a deadline.
package struct PluginAuthenticator: Sendable {
    private let guid: String
    private let authenticator: any Authenticator
    private let worker: EventLoop

    /// Asks the authenticator attached under a GUID.
    package init(guid: String, authenticator: any Authenticator, worker: EventLoop) {
        self.guid = guid
        self.authenticator = authenticator
        self.worker = worker
    }

    func check(_ attempt: AuthenticationAttempt, _ station: Station) async -> AuthenticationAnswer {
        let authenticator = authenticator
        let answer = await station.ask(worker) { try await authenticator.authenticate(attempt) }
        switch answer {
        case .value(let answer):
            return answer
        case .failed(let reason):
            station.journal(
                .warn, "a login was refused because plugin '\(guid)' failed",
                [
                    ("error", reason)
                ])
            return .refused
        }
    }
}

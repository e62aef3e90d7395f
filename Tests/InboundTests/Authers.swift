import Crypto
import Inbound
import Loop
import Model
import PluginKit
import Synchronization

extension LoginGate.Auther {
    /// A table of users with plain passwords.
    static func users(_ users: [String: String]) throws -> Self {
        .table(UserTable(users.mapValues { .plain($0) }, digest: try KeyedDigest()))
    }
}

/// A plugin that checks logins or flows as a test says.
final class StubPlugin: Authenticator, Admission {
    /// What it does.
    enum Manner: Sendable {
        case answers(AuthenticationAnswer)
        case admits(Verdict)
        case throwsAnError
        /// Waits until `release` is called, then accepts.
        case isSlow
    }

    /// Why it throws.
    struct Trouble: Error {}

    private struct State {
        var manner: Manner
        var attempts: [AuthenticationAttempt] = []
        var proposals: [FlowProposal] = []
        var waiting: [UnsafeContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(_ manner: Manner) { state = Mutex(State(manner: manner)) }

    var manner: Manner {
        get { state.withLock { $0.manner } }
        set { state.withLock { $0.manner = newValue } }
    }
    var attempts: [AuthenticationAttempt] { state.withLock { $0.attempts } }
    var proposals: [FlowProposal] { state.withLock { $0.proposals } }

    /// Lets slow calls go on.
    func release() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func act() async throws -> Manner {
        let manner = manner
        switch manner {
        case .throwsAnError: throw Trouble()
        case .isSlow:
            await withUnsafeContinuation { continuation in
                state.withLock { $0.waiting.append(continuation) }
            }
        case .answers, .admits: break
        }
        return manner
    }

    func authenticate(_ attempt: AuthenticationAttempt) async throws -> AuthenticationAnswer {
        state.withLock { $0.attempts.append(attempt) }
        if case .answers(let answer) = try await act() { return answer }
        return .accepted(user: attempt.username)
    }

    func admit(_ proposal: FlowProposal) async throws -> Verdict {
        state.withLock { $0.proposals.append(proposal) }
        if case .admits(let verdict) = try await act() { return verdict }
        return .allow
    }
}

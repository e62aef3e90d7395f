package import Crypto
import Loop
import PluginKit
import Synchronization

/// Users and passwords from the configuration.
///
/// ## Concurrency
/// Shared by all loops; a lock protects the users, who may be replaced, and the cache of hashed
/// passwords that were right.
package final class UserTable: Sendable {
    /// A password as the file has it.
    package enum Secret: Sendable {
        /// As text.
        case plain(String)
        /// As a scrypt hash; checking it takes tens of milliseconds, off the loop.
        case hashed(PasswordHash)
    }

    private struct State {
        // By bytes: Swift's strings are equal when they look alike, and accounts are not.
        var secrets: [[UInt8]: Secret]
        var proven: [String: Digest256] = [:]
        /// Counts replacements: a proof of an earlier table's password proves nothing.
        var edition = 0
    }

    private let state: Mutex<State>
    private let digest: KeyedDigest

    /// A table. The digest's key is random and lives as long as the process.
    package init(_ secrets: [String: Secret], digest: KeyedDigest) {
        state = Mutex(State(secrets: Self.byBytes(secrets)))
        self.digest = digest
    }

    /// Puts these users in the place of all others. Who is logged in stays so.
    package func replace(_ secrets: [String: Secret]) {
        let secrets = Self.byBytes(secrets)
        state.withLock { state in
            state.secrets = secrets
            state.proven = [:]
            state.edition += 1
        }
    }

    private static func byBytes(_ secrets: [String: Secret]) -> [[UInt8]: Secret] {
        Dictionary(uniqueKeysWithValues: secrets.map { (Array($0.key.utf8), $0.value) })
    }

    /// Whether credentials are right.
    func check(_ attempt: AuthenticationAttempt, _ station: Station) async -> AuthenticationAnswer {
        let name = Array(attempt.username.utf8)
        let (known, edition) = state.withLock { ($0.secrets[name], $0.edition) }
        guard let secret = known else { return .unknownUser }
        let isRight: Bool
        switch secret {
        case .plain(let password):
            isRight = areEqual(password, attempt.password)
        case .hashed(let hash):
            isRight = await check(hash, attempt, edition, station)
        }
        return isRight ? .accepted(user: attempt.username) : .refused
    }

    private func areEqual(_ one: String, _ other: String) -> Bool {
        let (one, other) = (Array(one.utf8), Array(other.utf8))
        return areEqualSecrets(one.span.bytes, other.span.bytes)
    }

    /// A password that was right before is known by a keyed digest, so that a user's hundredth
    /// connection costs microseconds and the cache gives no password away.
    private func check(
        _ hash: PasswordHash, _ attempt: AuthenticationAttempt, _ edition: Int,
        _ station: Station
    ) async -> Bool {
        let (username, password) = (attempt.username, attempt.password)
        do {
            let seen = try digest.digest(of: [username, password])
            let isProven = state.withLock { $0.edition == edition && $0.proven[username] == seen }
            if isProven { return true }
            let result = try await station.pool.run { () -> Result<Bool, CryptoFailure> in
                Result { () throws(CryptoFailure) in try hash.verify(password) }
            }
            guard try result.get() else { return false }
            state.withLock { if $0.edition == edition { $0.proven[username] = seen } }
            return true
        } catch {
            station.journal(
                .warn, "a login was refused because its password could not be checked",
                [
                    ("error", "\(error)")
                ])
            return false
        }
    }
}

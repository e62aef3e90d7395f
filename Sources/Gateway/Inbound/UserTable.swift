package import Crypto
import Loop
import PluginKit
import Synchronization

/// Users and passwords from the configuration.
///
/// ## Concurrency
/// Shared by all loops and immutable, but for the cache of hashed passwords that were right, which
/// a lock protects.
package final class UserTable: Sendable {
    /// A password as the file has it.
    package enum Secret: Sendable {
        /// As text.
        case plain(String)
        /// As a scrypt hash; checking it takes tens of milliseconds, off the loop.
        case hashed(PasswordHash)
    }

    // By bytes: Swift's strings are equal when they look alike, and accounts are not.
    private let secrets: [[UInt8]: Secret]
    private let proven = Mutex<[String: Digest256]>([:])
    private let digest: KeyedDigest

    /// A table. The digest's key is random and lives as long as the process.
    package init(_ secrets: [String: Secret], digest: KeyedDigest) {
        self.secrets = Dictionary(
            uniqueKeysWithValues: secrets.map { (Array($0.key.utf8), $0.value) })
        self.digest = digest
    }

    /// Whether credentials are right.
    func check(_ attempt: AuthenticationAttempt, _ station: Station) async -> AuthenticationAnswer {
        guard let secret = secrets[Array(attempt.username.utf8)] else { return .unknownUser }
        let isRight: Bool
        switch secret {
        case .plain(let password):
            isRight = areEqual(password, attempt.password)
        case .hashed(let hash):
            isRight = await check(hash, attempt, station)
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
        _ hash: PasswordHash, _ attempt: AuthenticationAttempt, _ station: Station
    ) async -> Bool {
        let (username, password) = (attempt.username, attempt.password)
        do {
            let seen = try digest.digest(of: [username, password])
            if proven.withLock({ $0[username] }) == seen { return true }
            let result = try await station.pool.run { () -> Result<Bool, CryptoFailure> in
                Result { () throws(CryptoFailure) in try hash.verify(password) }
            }
            guard try result.get() else { return false }
            proven.withLock { $0[username] = seen }
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

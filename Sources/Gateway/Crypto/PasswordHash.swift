import COpenSSL

/// A password that can be verified and not be read: scrypt (RFC 7914) with its salt and cost.
///
/// Verifying takes tens of milliseconds and megabytes on purpose: do it off the loop, and remember
/// the outcome (`KeyedDigest`).
package struct PasswordHash: Hashable, Sendable {
    /// How much work and memory one verification takes.
    package struct Cost: Hashable, Sendable {
        /// Binary logarithm of N, the number of blocks held in memory.
        package let logarithm: Int
        /// r: the size of a block in units of 128 bytes.
        package let blockSize: Int
        /// p: how often all of it is done.
        package let parallelism: Int

        /// What new hashes get: 32 MiB and about 0.1 s.
        package static let recommended = Cost(unchecked: 15, 8, 1)
        /// 128 MiB, the most that a password string may ask for: one more and a few logins at once
        /// could take a small machine's memory.
        package static let memoryBytesMax = 128 << 20
        /// N·r·p, the most that a password string may ask for: twice the work of the greatest
        /// memory, about a second.
        package static let workMax = 1 << 21

        /// A cost within the bounds; nil outside.
        package init?(logarithm: Int, blockSize: Int, parallelism: Int) {
            guard (1...20).contains(logarithm), (1...64).contains(blockSize),
                (1...64).contains(parallelism),
                128 * blockSize << logarithm <= Self.memoryBytesMax,
                blockSize * parallelism << logarithm <= Self.workMax
            else { return nil }
            self.init(unchecked: logarithm, blockSize, parallelism)
        }

        private init(unchecked logarithm: Int, _ blockSize: Int, _ parallelism: Int) {
            self.logarithm = logarithm
            self.blockSize = blockSize
            self.parallelism = parallelism
        }
    }

    /// How much a verification takes.
    package let cost: Cost
    let salt: [UInt8]
    let hash: [UInt8]

    init(cost: Cost, salt: [UInt8], hash: [UInt8]) {
        self.cost = cost
        self.salt = salt
        self.hash = hash
    }

    /// Hashes a new password with a fresh salt.
    package init(of password: String, cost: Cost = .recommended) throws(CryptoFailure) {
        let salt: [UInt8] = try .random(16)
        let hash = try Self.scrypt(
            Array(password.utf8), salt: salt, cost: cost, byteCount: Digest256.byteCount)
        self.init(cost: cost, salt: salt, hash: hash)
    }

    /// Whether `password` is the one.
    package func verify(_ password: String) throws(CryptoFailure) -> Bool {
        let candidate = try Self.scrypt(
            Array(password.utf8), salt: salt, cost: cost, byteCount: hash.count)
        return areEqualSecrets(candidate.span.bytes, hash.span.bytes)
    }

    /// The key that scrypt derives (RFC 7914 §6).
    package static func scrypt(_ password: [UInt8], salt: [UInt8], cost: Cost, byteCount: Int)
        throws(CryptoFailure) -> [UInt8]
    {
        var key = [UInt8](repeating: 0, count: byteCount)
        // The library's own bound is 32 MiB with its overhead; ours is checked in Cost.
        let memoryBytesMax = UInt64(Cost.memoryBytesMax + (4 << 20))
        let isDone = password.withUnsafeBytes { password in
            EVP_PBE_scrypt(
                password.assumingMemoryBound(to: CChar.self).baseAddress, password.count, salt,
                salt.count, 1 << UInt64(cost.logarithm), UInt64(cost.blockSize),
                UInt64(cost.parallelism), memoryBytesMax, &key, byteCount) == 1
        }
        guard isDone else { throw CryptoFailure("scrypt") }
        return key
    }
}

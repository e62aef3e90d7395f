/// Recognises what it has seen before, without keeping it: digests under a key of its own that
/// never leaves the process.
///
/// For a password that was verified at a high price: its keyed digest is remembered, and a copy of
/// the process's table is of no use without the key.
package struct KeyedDigest: Sendable {
    private let key: [UInt8]

    /// A recogniser with a fresh random key.
    package init() throws(CryptoFailure) {
        key = try .random(Digest256.byteCount)
    }

    /// A recogniser with a given key, for tests.
    package init(key: [UInt8]) {
        self.key = key
    }

    /// The digest of several texts in order. Each goes in with its length, so that texts that are
    /// divided differently differ.
    package func digest(of parts: [String]) throws(CryptoFailure) -> Digest256 {
        var message: [UInt8] = []
        for part in parts {
            let count = UInt64(part.utf8.count)
            message.append(contentsOf: (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) })
            message.append(contentsOf: part.utf8)
        }
        return try .hmac(of: message.span.bytes, key: key.span.bytes)
    }
}

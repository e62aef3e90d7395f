import COpenSSL

/// 32 bytes that stand for any number of bytes: a SHA-256 or an HMAC-SHA-256.
///
/// Comparing takes the same time wherever two digests differ.
package struct Digest256: Hashable, Sendable, CustomStringConvertible {
    /// The size.
    package static let byteCount = 32

    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// A digest from its 32 bytes; nil for any other number of them.
    package init?(_ bytes: RawSpan) {
        guard bytes.byteCount == Self.byteCount else { return nil }
        let word = { (bytes: RawSpan, index: Int) in
            UInt64(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
        }
        words = (word(bytes, 0), word(bytes, 1), word(bytes, 2), word(bytes, 3))
    }

    /// The SHA-256 of `bytes` (FIPS 180-4).
    package static func sha256(of bytes: RawSpan) throws(CryptoFailure) -> Digest256 {
        try make("SHA-256") { output in
            bytes.withUnsafeBytes { input in
                EVP_Digest(input.baseAddress, input.count, output, nil, EVP_sha256(), nil) == 1
            }
        }
    }

    /// The HMAC-SHA-256 of `bytes` under `key` (RFC 2104).
    package static func hmac(of bytes: RawSpan, key: RawSpan) throws(CryptoFailure) -> Digest256 {
        guard let keyCount = Int32(exactly: key.byteCount) else {
            preconditionFailure("a key of 2 GiB is a mistake")
        }
        return try make("HMAC-SHA-256") { output in
            bytes.withUnsafeBytes { input in
                key.withUnsafeBytes { key in
                    var none: UInt8 = 0
                    // A null key would mean the key of the call before.
                    return withUnsafePointer(to: &none) { none in
                        HMAC(
                            EVP_sha256(), key.baseAddress ?? UnsafeRawPointer(none), keyCount,
                            input.assumingMemoryBound(to: UInt8.self).baseAddress, input.count,
                            output, nil) != nil
                    }
                }
            }
        }
    }

    private static func make(
        _ operation: StaticString, fill: (UnsafeMutablePointer<UInt8>) -> Bool
    ) throws(CryptoFailure) -> Digest256 {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        let isFilled = bytes.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map(fill) ?? false
        }
        guard isFilled, let digest = Digest256(bytes.span.bytes) else {
            throw CryptoFailure(operation)
        }
        return digest
    }

    /// The 32 bytes, in an array of their own.
    package var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
        }
    }

    /// 64 lower-case hexadecimal digits.
    package var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    package static func == (one: Digest256, other: Digest256) -> Bool {
        (one.words.0 ^ other.words.0) | (one.words.1 ^ other.words.1)
            | (one.words.2 ^ other.words.2) | (one.words.3 ^ other.words.3) == 0
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

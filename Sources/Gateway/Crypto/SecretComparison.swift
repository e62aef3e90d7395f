import COpenSSL

/// Whether two secrets are equal, in a time that tells nothing but whether their lengths are.
package func areEqualSecrets(_ one: RawSpan, _ other: RawSpan) -> Bool {
    guard one.byteCount == other.byteCount else { return false }
    return one.withUnsafeBytes { one in
        other.withUnsafeBytes { other in
            one.isEmpty || CRYPTO_memcmp(one.baseAddress, other.baseAddress, one.count) == 0
        }
    }
}

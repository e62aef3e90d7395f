import COpenSSL

extension [UInt8] {
    /// `count` bytes that nobody can guess, for keys, salts and tokens.
    package static func random(_ count: Int) throws(CryptoFailure) -> [UInt8] {
        precondition((0...65_536).contains(count), "keys and salts are short")
        var bytes = [UInt8](repeating: 0, count: count)
        guard RAND_bytes(&bytes, Int32(count)) == 1 else { throw CryptoFailure("random bytes") }
        return bytes
    }
}

/// The text form of a hashed password: `$scrypt$ln=15,r=8,p=1$SALT$HASH`, both parts in base64
/// without padding, as in the PHC string format.
package struct PasswordHash: Hashable, Sendable {
    /// The binary logarithm of the cost, 10...20; 2^ln blocks of 128 r bytes are filled.
    package let costExponent: Int
    /// The block size r, 1...32.
    package let blockSize: Int
    /// The parallelism p, 1...16.
    package let parallelism: Int
    /// 8 to 64 bytes.
    package let salt: [UInt8]
    /// 16 to 64 bytes.
    package let hash: [UInt8]

    /// Whether text claims to be a hash. A password cannot start like one.
    package static func isHash(_ text: String) -> Bool { text.hasPrefix("$scrypt$") }

    /// Reads the text form; nil if any part is wrong or out of its range. The ranges keep one
    /// check below 128 MiB of memory.
    package init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt",
            let numbers = Self.parameters(parts[2]),
            let salt = Base64.decode(parts[3]), let hash = Base64.decode(parts[4]),
            (10...20).contains(numbers.ln), (1...32).contains(numbers.r),
            (1...16).contains(numbers.p), (8...64).contains(salt.count),
            (16...64).contains(hash.count), numbers.r << numbers.ln <= 1 << 20
        else { return nil }
        costExponent = numbers.ln
        blockSize = numbers.r
        parallelism = numbers.p
        self.salt = salt
        self.hash = hash
    }

    private static func parameters(_ text: Substring) -> (ln: Int, r: Int, p: Int)? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == 3, let ln = number(parts[0], after: "ln="),
            let r = number(parts[1], after: "r="), let p = number(parts[2], after: "p=")
        else { return nil }
        return (ln, r, p)
    }

    private static func number(_ text: Substring, after prefix: String) -> Int? {
        guard text.hasPrefix(prefix) else { return nil }
        let digits = text.dropFirst(prefix.count)
        guard digits.count <= 3, digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        return Int(digits)
    }
}

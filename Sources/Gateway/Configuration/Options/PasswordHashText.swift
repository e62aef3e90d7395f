/// The syntax of a hashed password in a file: `$scrypt$ln=15,r=8,p=1$SALT$HASH`, both parts in
/// base64 without padding. Hashes themselves are the business of Crypto; here a mistake in one is
/// found at its place.
enum PasswordHashText {
    /// Whether text claims to be a hash. A password cannot start like one.
    static func isClaimed(by text: String) -> Bool { text.hasPrefix("$scrypt$") }

    /// Whether a claimed hash has all its parts. The ranges are those that a check accepts: at most
    /// 128 MiB of memory and 2^21 blocks of work.
    static func isComplete(_ text: String) -> Bool {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt",
            let numbers = parameters(parts[2]), !parts[3].contains("="), !parts[4].contains("="),
            let salt = Base64.decode(parts[3]), let hash = Base64.decode(parts[4])
        else { return false }
        return (1...20).contains(numbers.ln) && (1...64).contains(numbers.r)
            && (1...64).contains(numbers.p) && (8...64).contains(salt.count)
            && (16...64).contains(hash.count) && 128 * numbers.r << numbers.ln <= 128 << 20
            && numbers.r * numbers.p << numbers.ln <= 1 << 21
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

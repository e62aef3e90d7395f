import Bytes

extension PasswordHash: CustomStringConvertible {
    /// Why text is no password string; made to be shown to the author of a file.
    package enum Fault: Error, Hashable, Sendable, CustomStringConvertible {
        /// It does not start with `$scrypt$`.
        case scheme
        /// It has not the four parts `scrypt`, cost, salt and hash.
        case parts
        /// The cost is not of the form `ln=15,r=8,p=1`.
        case cost
        /// The cost is higher than any verification may be.
        case costTooHigh
        /// The salt is not base 64 without padding, of 8...64 bytes.
        case salt
        /// The hash is not base 64 without padding, of 16...64 bytes.
        case hash

        /// What is wrong, without a word of the text itself.
        package var description: String {
            switch self {
            case .scheme: "it does not start with $scrypt$"
            case .parts: "it has not the parts scrypt, cost, salt and hash"
            case .cost: "the cost is not of the form ln=15,r=8,p=1"
            case .costTooHigh: "the cost is higher than a login may take"
            case .salt: "the salt is not base64 without padding, of 8 to 64 bytes"
            case .hash: "the hash is not base64 without padding, of 16 to 64 bytes"
            }
        }
    }

    private static let prefix = "$scrypt$"

    /// Whether `text` claims to be a password string rather than a password.
    package static func isClaimed(by text: String) -> Bool {
        text.utf8.starts(with: prefix.utf8)
    }

    /// Reads `$scrypt$ln=15,r=8,p=1$SALT$HASH`.
    package init(parsing text: String) throws(Fault) {
        guard Self.isClaimed(by: text) else { throw .scheme }
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5 else { throw .parts }
        let cost = try Self.cost(parts[2])
        guard let salt = Base64.decode(parts[3]), (8...64).contains(salt.count)
        else { throw .salt }
        guard let hash = Base64.decode(parts[4]), (16...64).contains(hash.count)
        else { throw .hash }
        self.init(cost: cost, salt: salt, hash: hash)
    }

    private static func cost(_ text: Substring) throws(Fault) -> Cost {
        let settings = text.split(separator: ",", omittingEmptySubsequences: false)
        guard settings.count == 3,
            let logarithm = number(settings[0], after: "ln="),
            let blockSize = number(settings[1], after: "r="),
            let parallelism = number(settings[2], after: "p=")
        else { throw .cost }
        guard
            let cost = Cost(
                logarithm: logarithm, blockSize: blockSize, parallelism: parallelism)
        else { throw logarithm == 0 || blockSize == 0 || parallelism == 0 ? .cost : .costTooHigh }
        return cost
    }

    /// A decimal number of one to four digits.
    private static func number(_ text: Substring, after name: String) -> Int? {
        guard text.hasPrefix(name) else { return nil }
        let digits = text.dropFirst(name.count)
        guard (1...4).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ (48...57).contains($0) })
        else { return nil }
        return Int(digits)
    }

    /// The password string.
    package var description: String {
        "\(Self.prefix)ln=\(cost.logarithm),r=\(cost.blockSize),p=\(cost.parallelism)"
            + "$\(Base64.encode(salt))$\(Base64.encode(hash))"
    }
}

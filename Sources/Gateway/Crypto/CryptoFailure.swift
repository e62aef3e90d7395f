import COpenSSL

/// A cryptographic operation that the library could not do, with its reason. Not a wrong password
/// and not a wrong signature: those are answers.
package struct CryptoFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was to be done.
    package let operation: StaticString
    /// The library's own words, or that it gave none.
    package let reason: String

    /// Takes the reason from the thread's error queue and empties the queue, so that the next
    /// failure does not tell this one's.
    init(_ operation: StaticString) {
        let code = ERR_get_error()
        ERR_clear_error()
        let text = ERR_reason_error_string(code)
        self.operation = operation
        reason =
            text.map { String(cString: $0) } ?? (code == 0 ? "no reason given" : "error \(code)")
    }

    /// `scrypt: memory limit exceeded`
    package var description: String { "\(operation): \(reason)" }

    package static func == (one: CryptoFailure, other: CryptoFailure) -> Bool {
        one.description == other.description
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(description) }
}

package import Model

/// Turns names into addresses for one loop.
///
/// ## Concurrency
/// Confined to its loop.
package protocol NameResolver: AnyObject {
    /// The addresses of a name in the order in which they are to be tried; never empty.
    func resolve(
        _ name: String, deadlineNanoseconds: UInt64
    ) async throws(NameFault) -> [IPAddress]
}

/// Why a name has no address.
package enum NameFault: Error, Hashable, Sendable {
    /// The name does not exist, or has no address of a wanted family.
    case notFound
    /// The name servers failed or refused.
    case serverFailure
    /// Nobody answered in time.
    case timedOut
    /// Too many questions are open already.
    case overloaded
}

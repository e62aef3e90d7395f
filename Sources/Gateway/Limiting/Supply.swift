/// Where bytes are granted from: a rate, or a quota. Shared by loops.
///
/// ## Concurrency
/// Any loop calls it. A call takes a lock; loops call once per grant, not per read.
package protocol Supply: AnyObject, Sendable {
    /// How many bytes are worth taking at once: one loop's share in advance.
    var sliceBytes: Int { get }
    /// Whether a datagram may be larger than what is there, to be paid back later.
    var lends: Bool { get }
    /// Takes up to `wanted` bytes, which is above zero.
    func take(_ wanted: Int, nowNanoseconds: UInt64) -> Grant
    /// Takes back bytes that were granted and not moved; below zero it is a debt.
    func giveBack(_ bytes: Int, nowNanoseconds: UInt64)
    /// One more loop uses it, or one less: what nobody uses may be forgotten.
    func changeUsers(by difference: Int)
}

/// What came of asking a supply.
package enum Grant: Equatable, Sendable {
    /// So many bytes, above zero.
    case bytes(Int)
    /// Nothing before this moment of the loops' clock.
    case later(nanoseconds: UInt64)
    /// Nothing any more.
    case exhausted
}

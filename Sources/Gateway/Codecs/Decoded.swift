/// What a decoder made of the bytes that have arrived so far.
///
/// Hostile input is an ordinary value here: no decoder traps or throws, on any bytes.
package enum Decoded<Value, Fault> {
    /// The message is not whole: at least that many bytes are missing, always more than 0. For a
    /// datagram, which cannot grow, it means that it was cut short.
    case needs(moreBytes: Int)
    /// One message, and how many of the bytes it took. The rest belongs to whatever follows.
    case value(Value, bytesConsumed: Int)
    /// No further byte can make this a message.
    case fault(Fault)
}

extension Decoded: Equatable where Value: Equatable, Fault: Equatable {}
extension Decoded: Sendable where Value: Sendable, Fault: Sendable {}

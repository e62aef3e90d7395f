package import LinuxIO

/// How a node of a chain failed.
package indirect enum NodeFault: Hashable, Sendable {
    /// It could not be reached.
    case unreachable(DialFault)
    /// It closed before it had answered.
    case ended
    /// It did not answer in time.
    case timedOut
    /// The connection to it failed.
    case failed(Errno)
    /// What it answered is not its protocol.
    case malformed(String)
    /// It refused our user and password, or wants some.
    case loginRefused
    /// It refused the request for a reason of its own.
    case refused(String)
    /// It works, and tells why the destination cannot be reached.
    case destination(DialFault)
}

import CLinux
import Glibc

/// Turns what a shim returned (a count, or -errno) into values, and traps on bugs of ours.
enum SystemCall {
    /// The value of a call that may fail.
    static func value(_ result: Int32, _ call: StaticString) throws(Errno) -> Int32 {
        if result < 0 { throw error(Int(result), call) }
        return result
    }

    /// A call that moves bytes or messages and must not be waited for.
    static func transfer(_ result: Int, _ call: StaticString) -> Transfer {
        if result >= 0 { return .bytes(result) }
        if -result == Int(EAGAIN) { return .wouldBlock }
        return .failed(error(result, call))
    }

    /// A call that cannot fail on a valid descriptor.
    static func always(_ result: Int32, _ call: StaticString) {
        precondition(result >= 0, "\(call): \(Errno(-result, in: call).name) cannot happen here")
    }

    /// The failure behind a negative result.
    static func error(_ result: Int, _ call: StaticString) -> Errno {
        let code = Int32(truncatingIfNeeded: -result)
        precondition(code != EBADF, "\(call): the descriptor is closed or never was open")
        precondition(code != EFAULT, "\(call): a buffer's address is wrong")
        precondition(code != ENOTSOCK, "\(call): the descriptor is not a socket")
        return Errno(code, in: call)
    }
}

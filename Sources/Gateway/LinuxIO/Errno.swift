import CLinux
import Glibc

/// A system call that failed: which, and with what code.
package struct Errno: Error, Hashable, Sendable, CustomStringConvertible {
    /// The code as `errno` has it.
    package let code: Int32
    /// The call's name.
    package let call: StaticString

    package init(_ code: Int32, in call: StaticString) {
        self.code = code
        self.call = call
    }

    package static func == (one: Errno, other: Errno) -> Bool { one.code == other.code }
    package func hash(into hasher: inout Hasher) { hasher.combine(code) }
}

extension Errno {
    /// The call and the code's symbolic name: `connect: ECONNREFUSED`.
    package var description: String { "\(call): \(name)" }

    /// The code's symbolic name, or its number.
    package var name: String {
        let name = String(cString: weir_errno_name(code))
        return name.isEmpty ? "errno \(code)" : name
    }

    /// Whether the peer reset the connection, or is gone while we write.
    package var isReset: Bool { code == ECONNRESET || code == EPIPE }
    /// There is no memory left for what a library wants to keep.
    package static func outOfMemory(in call: StaticString) -> Errno { Errno(ENOMEM, in: call) }
    /// Another process holds the lock.
    package static let locked = Errno(EWOULDBLOCK, in: "flock")
    /// The address is another socket's.
    package static let addressInUse = Errno(EADDRINUSE, in: "bind")
    /// Whether nobody listens at the destination.
    package var isRefused: Bool { code == ECONNREFUSED }
    /// Whether there is no route to the destination's network.
    package var isNetworkUnreachable: Bool { code == ENETUNREACH || code == EAFNOSUPPORT }
    /// Whether the destination's host cannot be reached.
    package var isHostUnreachable: Bool { code == EHOSTUNREACH || code == EHOSTDOWN }
    /// Whether the kernel gave up waiting for an answer.
    package var isTimeout: Bool { code == ETIMEDOUT }
    /// Whether the kernel refuses to send there: a firewall, or an address it does not send to.
    package var isForbidden: Bool { code == EACCES || code == EPERM }
    /// Whether a train was refused and its datagrams may be sent one by one.
    package var refusesTrain: Bool { code == EINVAL || code == EIO || code == EMSGSIZE }
    /// Whether there is no such file.
    package var isAbsent: Bool { code == ENOENT }
    /// Whether the storage is full.
    package var isStorageFull: Bool { code == ENOSPC || code == EDQUOT }
}

import CLinux

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
}

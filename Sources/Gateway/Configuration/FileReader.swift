/// Reads the whole of a file by its path; `-` is standard input. Injected, so that loading does no
/// input or output of its own.
package typealias FileReader = (_ path: String) throws(FileFault) -> [UInt8]

/// A reader of files that any thread may call, for what is read again later.
package typealias SharedFileReader = @Sendable (_ path: String) throws(FileFault) -> [UInt8]

/// Why a file could not be read.
package struct FileFault: Error, Hashable, Sendable {
    /// Whether there is no such file; the default search goes on with the next place then.
    package let isAbsent: Bool
    /// The reason, such as "Permission denied".
    package let reason: String

    /// A fault.
    package init(isAbsent: Bool, reason: String) {
        self.isAbsent = isAbsent
        self.reason = reason
    }

    /// What a reader answers that has no files.
    package static let noSuchFile = FileFault(isAbsent: true, reason: "No such file or directory")
}

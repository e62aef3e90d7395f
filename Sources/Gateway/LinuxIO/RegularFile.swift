import Glibc

/// An open file on disk, written at stated places: records, databases, journals.
///
/// Blocking by nature, so it is used on worker threads and never on a loop. A write either moves
/// every byte or throws; what a failed write left behind is overwritten by repeating it.
///
/// ## Concurrency
/// Not `Sendable`: whoever made it keeps it, or hands it over as a whole.
package final class RegularFile {
    /// Which file it is, whatever it is called by now.
    package struct Identity: Hashable, Sendable {
        /// The file system.
        package let device: UInt64
        /// The file on it.
        package let inode: UInt64
    }

    private let number: Int32

    /// Opens for reading and writing; makes the file where there is none, readable by its owner
    /// only. Anything but a regular file is refused (`EINVAL`).
    package init(path: String) throws(Errno) {
        number = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0o600)
        guard number >= 0 else { throw Errno(errno, in: "open") }
        var facts = stat()
        guard fstat(number, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            close(number)
            throw Errno(EINVAL, in: "open")
        }
    }

    deinit { close(number) }

    /// Which file this is.
    package func identity() throws(Errno) -> Identity {
        var facts = stat()
        guard fstat(number, &facts) == 0 else { throw Errno(errno, in: "fstat") }
        return Identity(device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino))
    }

    /// Which file a path names now; nil where there is none.
    package static func identity(path: String) throws(Errno) -> Identity? {
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            if errno == ENOENT { return nil }
            throw Errno(errno, in: "stat")
        }
        return Identity(device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino))
    }

    /// Its length in bytes.
    package func size() throws(Errno) -> Int64 {
        var facts = stat()
        guard fstat(number, &facts) == 0 else { throw Errno(errno, in: "fstat") }
        return Int64(facts.st_size)
    }

    /// Cuts it, or fills it with zeros, to a length.
    package func truncate(to bytes: Int64) throws(Errno) {
        while ftruncate(number, off_t(bytes)) != 0 {
            if errno != EINTR { throw Errno(errno, in: "ftruncate") }
        }
    }

    /// Writes all bytes at an offset; one call of the kernel unless it takes fewer.
    package func write(_ bytes: [UInt8], at offset: Int64) throws(Errno) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                pwrite(
                    number, buffer.baseAddress.map { $0 + done }, bytes.count - done,
                    off_t(offset) + off_t(done))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw Errno(errno, in: "pwrite")
            }
            done += count
        }
    }

    /// Returns when everything written is on the device.
    package func synchronize() throws(Errno) {
        while fdatasync(number) != 0 {
            if errno != EINTR { throw Errno(errno, in: "fdatasync") }
        }
    }

    /// Takes the file for this process until it is closed; false where another one has it.
    package func lock() -> Bool {
        flock(number, LOCK_EX | LOCK_NB) == 0
    }

    /// Makes the directories above a path, for the owner only, where they are missing.
    package static func makeDirectories(above path: String) throws(Errno) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        var directory = ""
        for part in parts {
            directory += part + "/"
            if part.isEmpty || part == "." || part == ".." { continue }
            if mkdir(directory, 0o700) != 0, errno != EEXIST {
                throw Errno(errno, in: "mkdir")
            }
        }
    }
}

extension Errno {
    /// `RegularFile.lock` failed: another process holds the file.
    package static let heldElsewhere = Errno(EWOULDBLOCK, in: "flock")
    /// No room on the device, or in a quota.
    package var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }
}

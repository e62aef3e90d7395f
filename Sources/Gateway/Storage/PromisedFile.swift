import LinuxIO

/// A file of appended bytes that matches a database, whenever the process dies.
///
/// Bytes are *promised* in the database, in the transaction of what they tell about, with the
/// place where they belong; then they are written there. Writing them again gives the same file,
/// so a start repeats the last promise, and nothing is missing or twice:
/// - death before the commit: neither the database nor the file knows the bytes;
/// - death between commit and write, or within the write: the start writes them at their place,
///   over the part that is there;
/// - the device refuses: the promise stays, and no further one is made until it is kept.
///
/// What earlier promises wrote is on the device before a new one replaces them in the database.
///
/// A file that was moved away is left alone, and the next promise goes to a new one at the path.
/// Only if that happens between a death and the next start, the last promise may be in both.
///
/// ## Concurrency
/// Not `Sendable`; used by whoever uses the database.
package final class PromisedFile {
    /// Bytes and their place.
    package struct Promise: Hashable, Sendable {
        /// The file system of the file.
        package let device: UInt64
        /// The file.
        package let inode: UInt64
        /// Where in it.
        package let offset: Int64
        /// What.
        package let bytes: [UInt8]

        package init(device: UInt64, inode: UInt64, offset: Int64, bytes: [UInt8]) {
            self.device = device
            self.inode = inode
            self.offset = offset
            self.bytes = bytes
        }
    }

    /// The path it was opened at.
    package let path: String
    /// Called around each write. Tests end the process in it.
    package var willRun: (() -> Void)?
    private var file: RegularFile
    private var identity: RegularFile.Identity
    private var end: Int64
    private var owed: Promise?

    /// Opens or makes the file, takes it for this process, and keeps the last promise.
    package init(
        path: String, keeping last: Promise?, willRun: (() -> Void)? = nil
    ) throws(FileError) {
        self.path = path
        self.willRun = willRun
        do throws(Errno) {
            try RegularFile.makeDirectories(above: path)
            (file, identity) = try Self.take(path)
            end = try file.size()
        } catch {
            throw FileError(path: path, error)
        }
        guard let last else { return }
        let isSame = identity.device == last.device && identity.inode == last.inode
        let offset = isSame ? min(last.offset, end) : end
        let promise = Promise(
            device: identity.device, inode: identity.inode, offset: offset, bytes: last.bytes)
        owed = promise
        try keepPromise()
    }

    private static func take(
        _ path: String
    ) throws(Errno) -> (RegularFile, RegularFile.Identity) {
        let file = try RegularFile(path: path)
        guard file.lock() else { throw Errno.heldElsewhere }
        return (file, try file.identity())
    }

    /// Where `bytes` will be. Store it in the transaction, then call `keep`. The promise before
    /// must have been kept.
    package func promise(_ bytes: [UInt8]) throws(FileError) -> Promise {
        precondition(owed == nil, "a promise is kept before the next one is made")
        do throws(Errno) {
            try file.synchronize()
            if try RegularFile.identity(path: path) != identity {
                (file, identity) = try Self.take(path)
                end = try file.size()
            }
            // Also after somebody cut the file in place.
            end = try min(end, file.size())
        } catch {
            throw FileError(path: path, error)
        }
        return Promise(
            device: identity.device, inode: identity.inode, offset: end, bytes: bytes)
    }

    /// Writes what was promised, now that it is committed. After a throw `keepPromise` tries again.
    package func keep(_ promise: Promise) throws(FileError) {
        owed = promise
        try keepPromise()
    }

    /// Writes what is still owed, if anything.
    package func keepPromise() throws(FileError) {
        guard let owed else { return }
        willRun?()
        do throws(Errno) {
            try file.write(owed.bytes, at: owed.offset)
        } catch {
            throw FileError(path: path, error)
        }
        willRun?()
        end = max(end, owed.offset + Int64(owed.bytes.count))
        self.owed = nil
    }

    /// Returns when all that was written is on the device.
    package func synchronize() throws(FileError) {
        do throws(Errno) { try file.synchronize() } catch { throw FileError(path: path, error) }
    }
}

/// What a file refused, and why.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file as the user named it.
    package let path: String
    private let failure: Errno

    init(path: String, _ failure: Errno) {
        self.path = path
        self.failure = failure
    }

    /// No room on the device, or in a quota.
    package var isDiskFull: Bool { failure.isDiskFull }

    /// One sentence without a full stop.
    package var description: String {
        failure == .heldElsewhere
            ? "\(path): another process writes to it" : "\(path): \(failure)"
    }
}

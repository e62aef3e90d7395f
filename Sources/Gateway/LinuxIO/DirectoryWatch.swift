import Glibc

/// Tells when files in directories are written, made, renamed or removed (inotify(7)).
///
/// Directories are watched and not files: an editor writes a new file and renames it over the old
/// one, and the old one never changes.
///
/// ## Concurrency
/// Not `Sendable`: it belongs to the loop that its descriptor is registered with, which also closes
/// the descriptor.
package final class DirectoryWatch {
    /// Something that happened in a directory.
    package struct Change: Hashable, Sendable {
        /// The directory, as `add` named it; -1 when changes were lost, of any directory.
        package let directory: Int32
        /// The file's name; nil when the directory itself is gone and no longer watched.
        package let name: String?
    }

    /// Becomes readable when something happened.
    package let descriptor: Descriptor

    private static let happenings =
        UInt32(IN_CLOSE_WRITE) | UInt32(IN_CREATE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM)
        | UInt32(IN_DELETE) | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF)
    private static let endings =
        UInt32(IN_IGNORED) | UInt32(IN_UNMOUNT) | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF)
    /// Room for 16 events with the longest names, or for many hundred of usual ones.
    private static let bufferBytes = 16 * (MemoryLayout<inotify_event>.size + Int(NAME_MAX) + 1)

    /// A watch of no directory yet.
    package init() throws(Errno) {
        let number = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        if number < 0 { throw Errno(errno, in: "inotify_init1") }
        descriptor = Descriptor(number)
    }

    /// Watches a directory; one that is watched already keeps its number.
    package func add(_ directory: String) throws(Errno) -> Int32 {
        let number = inotify_add_watch(
            descriptor.number, directory, Self.happenings | UInt32(IN_ONLYDIR))
        if number < 0 { throw Errno(errno, in: "inotify_add_watch") }
        return number
    }

    /// Stops watching a directory; one that is gone is no error.
    package func remove(_ directory: Int32) {
        _ = inotify_rm_watch(descriptor.number, directory)
    }

    /// What happened since the last call, at most a buffer's worth; empty when there is no more.
    package func changes() -> [Change] {
        withUnsafeTemporaryAllocation(
            byteCount: Self.bufferBytes, alignment: MemoryLayout<inotify_event>.alignment
        ) { buffer in
            let count = read(descriptor.number, buffer.baseAddress, buffer.count)
            guard count > 0 else { return [] }
            var changes: [Change] = []
            var offset = 0
            while offset < count {
                let event = buffer.load(fromByteOffset: offset, as: inotify_event.self)
                let start = offset + MemoryLayout<inotify_event>.size
                let name = buffer[start..<start + Int(event.len)].prefix { $0 != 0 }
                let isOver = event.mask & Self.endings != 0 && name.isEmpty
                let isLost = event.mask & UInt32(IN_Q_OVERFLOW) != 0
                changes.append(
                    Change(
                        directory: isLost ? -1 : event.wd,
                        name: isOver || isLost ? nil : String(decoding: name, as: UTF8.self)))
                offset = start + Int(event.len)
            }
            return changes
        }
    }
}

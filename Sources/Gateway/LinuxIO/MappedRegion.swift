import CLinux
import Glibc

/// Memory that outlives the process: a file, mapped and grown in chunks whose addresses never
/// change. What was stored is there after a kill -9; after power loss, what was written back.
///
/// The file is locked while the region lives, so that a later start can tell the file of a dead
/// process (`MappedFile` opens it) from that of a living one. The storage of a chunk is reserved
/// when it is added: a full disk is an error then, never a signal later.
///
/// ## Concurrency
/// `appendChunk` belongs to one owner at a time. The memory may be written by any thread; words
/// that others read meanwhile go through `SharedWord`.
package final class MappedRegion {
    /// Bytes per chunk.
    package let chunkBytes: Int
    /// Where each chunk starts, in the order in which they were added.
    package private(set) var chunks: [UnsafeMutableRawPointer] = []
    private let file: Int32

    private init(file: Int32, chunkBytes: Int) {
        precondition(
            chunkBytes > 0 && chunkBytes % Self.pageBytes == 0, "a chunk is made of whole pages")
        self.file = file
        self.chunkBytes = chunkBytes
    }

    deinit {
        for chunk in chunks { weir_unmap(chunk, chunkBytes) }
        if file >= 0 { weir_close(file) }
    }

    /// What `chunkBytes` must be a multiple of.
    package static var pageBytes: Int { Int(weir_page_bytes()) }

    /// A region in a new file with mode 0600 and no chunks yet. EEXIST when there is one already.
    package static func create(path: String, chunkBytes: Int) throws(Errno) -> MappedRegion {
        let file = try SystemCall.value(weir_create_locked(path), "open")
        return MappedRegion(file: file, chunkBytes: chunkBytes)
    }

    /// A region without file, for a gateway without state directory: gone with the process.
    package static func anonymous(chunkBytes: Int) -> MappedRegion {
        MappedRegion(file: -1, chunkBytes: chunkBytes)
    }

    /// Adds a zeroed chunk and returns its address, valid as long as the region. ENOSPC when the
    /// disk is full; the region stays as it was.
    package func appendChunk() throws(Errno) -> UnsafeMutableRawPointer {
        let offset = Int64(chunks.count) * Int64(chunkBytes)
        if file >= 0 {
            _ = try SystemCall.value(
                weir_reserve(file, offset, Int64(chunkBytes)), "posix_fallocate")
        }
        var address: UnsafeMutableRawPointer?
        _ = try SystemCall.value(weir_map(file, offset, chunkBytes, 1, &address), "mmap")
        guard let address else { throw Errno(ENOMEM, in: "mmap") }
        chunks.append(address)
        return address
    }

    /// Starts to write what has changed to storage; does not wait, so a loop may call it.
    package func startWriteBack() throws(Errno) {
        guard file >= 0 else { return }
        _ = try SystemCall.value(weir_start_write_back(file), "sync_file_range")
    }
}

/// The file of a `MappedRegion` whose process is dead, mapped to be read.
///
/// ## Concurrency
/// Immutable; its bytes may be read by any thread while it lives.
package final class MappedFile {
    /// The whole file; valid as long as this object.
    package let bytes: UnsafeRawBufferPointer
    private let file: Int32

    /// Opens and locks a file. EWOULDBLOCK while the process that made it lives.
    package init(path: String) throws(Errno) {
        let file = try SystemCall.value(weir_open_unlocked(path), "open")
        let count = weir_file_bytes(file)
        var address: UnsafeMutableRawPointer?
        let mapped = count > 0 ? weir_map(file, 0, Int(count), 0, &address) : Int32(count)
        if mapped < 0 {
            weir_close(file)
            throw Errno(-mapped, in: "mmap")
        }
        self.file = file
        bytes = UnsafeRawBufferPointer(start: address, count: Int(count))
    }

    deinit {
        if let start = bytes.baseAddress {
            weir_unmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
        }
        weir_close(file)
    }
}

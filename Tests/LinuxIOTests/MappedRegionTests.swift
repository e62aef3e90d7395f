import Glibc
import LinuxIO
import Testing

@Suite("A mapped region of memory")
struct MappedRegionTests {
    private static let chunkBytes = 16 * MappedRegion.pageBytes

    @Test func `chunks start with zeros and keep their addresses`() throws {
        let directory = try TemporaryDirectory()
        for region in [
            try MappedRegion.create(path: directory.file("a"), chunkBytes: Self.chunkBytes),
            MappedRegion.anonymous(chunkBytes: Self.chunkBytes),
        ] {
            let first = try region.appendChunk()
            SharedWord.store(1, at: first)
            for _ in 0..<20 {
                let chunk = try region.appendChunk()
                #expect(SharedWord.load(at: chunk) == 0)
                SharedWord.store(2, at: chunk + Self.chunkBytes - 8)
            }
            #expect(region.chunks.count == 21)
            #expect(region.chunks.first == first)
            #expect(SharedWord.load(at: first) == 1)
            try region.startWriteBack()
        }
    }

    @Test func `a killed process leaves every word it stored`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("slots")
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let bytes = 4 * MappedRegion.pageBytes
            let region = try MappedRegion.create(path: path, chunkBytes: bytes)
            for number in 0..<3 {
                let chunk = try region.appendChunk()
                for word in 0..<(bytes / 8) {
                    SharedWord.store(UInt64(number * 1000 + word), at: chunk + word * 8)
                }
            }
            raise(SIGKILL)
        }
        let file = try MappedFile(path: path)
        let words = 4 * MappedRegion.pageBytes / 8
        #expect(file.bytes.count == 3 * words * 8)
        let wrong = (0..<(3 * words)).first { index in
            let expected = UInt64(index / words * 1000 + index % words)
            return file.bytes.load(fromByteOffset: index * 8, as: UInt64.self) != expected
        }
        #expect(wrong == nil)
    }

    @Test func `a living owner's file cannot be opened, and is not made twice`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("slots")
        do {
            let region = try MappedRegion.create(path: path, chunkBytes: Self.chunkBytes)
            #expect(throws: Errno(EWOULDBLOCK, in: "open")) { try MappedFile(path: path) }
            #expect(throws: Errno(EEXIST, in: "open")) {
                try MappedRegion.create(path: path, chunkBytes: Self.chunkBytes)
            }
            withExtendedLifetime(region) {}
        }
        // A child that another test is just starting holds a copy of the lock up to its exec.
        var opened: MappedFile?
        for _ in 0..<200 where opened == nil {
            opened = try? MappedFile(path: path)
            if opened == nil { usleep(10_000) }
        }
        #expect(opened?.bytes.isEmpty == true)
    }

    @Test func `others cannot read the file`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("slots")
        let region = try MappedRegion.create(path: path, chunkBytes: Self.chunkBytes)
        #expect(try Self.mode(of: path) == 0o600)
        #expect(try Self.mode(of: directory.path) == 0o700)
        withExtendedLifetime(region) {}
    }

    @Test func `a full disk is an error and leaves the region as it was`() async {
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            let bytes = 16 * MappedRegion.pageBytes
            let region = try MappedRegion.create(path: directory.file("a"), chunkBytes: bytes)
            _ = try region.appendChunk()
            // A limit of file sizes is the portable kind of full disk.
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: UInt(bytes), rlim_max: UInt(bytes))
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            #expect(throws: Errno(EFBIG, in: "posix_fallocate")) { try region.appendChunk() }
            #expect(region.chunks.count == 1)
        }
    }

    @Test func `what is not a file of ours is refused`() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: Errno(ENOENT, in: "open")) { try MappedFile(path: directory.file("x")) }
        #expect(throws: Errno(EINVAL, in: "mmap")) { try MappedFile(path: directory.path) }
        #expect(throws: Errno(ENOENT, in: "opendir")) {
            try Directory.names(in: directory.file("x"))
        }
    }

    private static func mode(of path: String) throws -> UInt32 {
        var facts = stat()
        try #require(stat(path, &facts) == 0)
        return facts.st_mode & 0o7777
    }
}

import Glibc
import Storage
import Testing

@Suite("A promised file")
struct PromisedFileTests {
    private let folder = Folder()
    private var path: String { folder.file("records") }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("holds what was kept, in order")
    func order() throws {
        let file = try PromisedFile(path: path, keeping: nil)
        try file.keep(try file.promise(bytes("one\n")))
        try file.keep(try file.promise(bytes("two\n")))
        #expect(Folder.contents(path) == bytes("one\ntwo\n"))
    }

    @Test("is made whole by the next start, wherever the write was cut", arguments: 0...8)
    func cut(_ written: Int) throws {
        var promise: PromisedFile.Promise?
        do {
            let file = try PromisedFile(path: path, keeping: nil)
            try file.keep(try file.promise(bytes("before\n")))
            promise = try file.promise(bytes("promised"))
        }
        Folder.write(bytes("before\n" + "promised".prefix(written)), to: path)
        for _ in 1...2 {
            let file = try PromisedFile(path: path, keeping: promise)
            #expect(Folder.contents(path) == bytes("before\npromised"))
            withExtendedLifetime(file) {}
        }
        let file = try PromisedFile(path: path, keeping: promise)
        try file.keep(try file.promise(bytes("\nafter")))
        #expect(Folder.contents(path) == bytes("before\npromised\nafter"))
    }

    @Test("goes on in a new file when the old one was moved away")
    func rotation() throws {
        let file = try PromisedFile(path: path, keeping: nil)
        try file.keep(try file.promise(bytes("one\n")))
        rename(path, path + ".1")
        let promise = try file.promise(bytes("two\n"))
        try file.keep(promise)
        #expect(Folder.contents(path + ".1") == bytes("one\n"))
        #expect(Folder.contents(path) == bytes("two\n"))
        try file.keep(try file.promise(bytes("three\n")))
        #expect(Folder.contents(path) == bytes("two\nthree\n"))
    }

    @Test("keeps what somebody else has appended")
    func foreign() throws {
        Folder.write(bytes("theirs\n"), to: path)
        let file = try PromisedFile(path: path, keeping: nil)
        try file.keep(try file.promise(bytes("ours\n")))
        #expect(Folder.contents(path) == bytes("theirs\nours\n"))
    }

    @Test("is refused to a second writer")
    func lock() throws {
        let file = try PromisedFile(path: path, keeping: nil)
        let path = path
        let error = #expect(throws: FileError.self) { try PromisedFile(path: path, keeping: nil) }
        #expect(error?.description == "\(path): another process writes to it")
        withExtendedLifetime(file) {}
    }

    @Test("must be a regular file", arguments: ["/dev/null", "/tmp"])
    func kind(_ path: String) {
        #expect(throws: FileError.self) { try PromisedFile(path: path, keeping: nil) }
    }

    @Test("can be read by its owner only")
    func mode() throws {
        let file = try PromisedFile(path: path, keeping: nil)
        var facts = stat()
        #expect(stat(path, &facts) == 0)
        #expect(facts.st_mode & 0o777 == 0o600)
        withExtendedLifetime(file) {}
    }
}

import Glibc
import LinuxIO
import Testing

@Suite("Watching directories")
struct DirectoryWatchTests {
    private func write(_ text: String, to path: String) {
        let file = fopen(path, "w")
        fputs(text, file)
        fclose(file)
    }

    @Test func `files written, renamed over and removed are told by their names`() throws {
        let directory = try TemporaryDirectory()
        let watch = try DirectoryWatch()
        defer { close(watch.descriptor.number) }
        let number = try watch.add(directory.path)
        #expect(try watch.add(directory.path) == number)
        #expect(watch.changes().isEmpty)
        write("a", to: directory.file("list"))
        #expect(Set(watch.changes().map(\.name)) == ["list"])
        write("b", to: directory.file("new"))
        _ = watch.changes()
        rename(directory.file("new"), directory.file("list"))
        let changes = watch.changes()
        #expect(changes.allSatisfy { $0.directory == number })
        #expect(Set(changes.map(\.name)) == ["new", "list"])
        unlink(directory.file("list"))
        #expect(watch.changes().map(\.name) == ["list"])
        #expect(watch.changes().isEmpty)
    }

    @Test func `a directory that goes away is told, and is an error where it never was`() throws {
        let directory = try TemporaryDirectory()
        let inner = directory.file("inner")
        try Directory.make(path: inner)
        let watch = try DirectoryWatch()
        defer { close(watch.descriptor.number) }
        let number = try watch.add(inner)
        try Directory.remove(path: inner)
        #expect(watch.changes().contains { $0.directory == number && $0.name == nil })
        #expect(throws: Errno.self) { try watch.add(inner) }
        watch.remove(number)
    }
}

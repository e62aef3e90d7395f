import LinuxIO

/// A directory of its own for a test, removed with what is in it.
///
/// ## Concurrency
/// One thread: the test's.
final class TemporaryDirectory {
    let path: String

    init() throws(Errno) {
        path = "/tmp/weir-test-\(UInt64.random(in: 0...UInt64.max))"
        try Directory.make(path: path)
    }

    deinit {
        for name in (try? Directory.names(in: path)) ?? [] {
            try? Directory.removeFile(path: path + "/" + name)
        }
        try? Directory.remove(path: path)
    }

    func file(_ name: String) -> String { path + "/" + name }
}

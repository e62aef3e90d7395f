/// Where a rule does not hold, with the reason. A path that ends with a slash is a folder, one that
/// ends with a star a family of files.
enum Exceptions {
    /// Files that may start tasks.
    static let tasks = [
        "Sources/Gateway/Loop/EventLoop.swift": "`spawn` is how everybody else starts one"
    ]
    /// Files that may sleep.
    static let sleeping: [String: String] = [:]
    /// Files with a type whose thread safety the compiler does not see.
    static let unchecked = [
        "Sources/Gateway/Loop/EventLoop.swift":
            "confined to its thread; what others may call goes through the mailbox's lock",
        "Sources/Gateway/LinuxIO/WorkerThread.swift":
            "a semaphore of the C library is what synchronises",
    ]
    /// Files with state whose isolation the compiler does not see.
    static let unsafe: [String: String] = [:]
    /// Shims of the socket headers that other files than the driver's may call.
    static let plainShims = [
        "weir_close": "files have descriptors too",
        "weir_unlink": "a stale file is removed like a stale socket",
    ]
}

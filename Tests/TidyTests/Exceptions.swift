/// Where a rule does not hold, with the reason. A path that ends with a slash is a folder, one that
/// ends with a star a family of files.
enum Exceptions {
    /// Files that may start tasks.
    static let tasks = [
        "Sources/Gateway/Loop/EventLoop*": "`spawn` and `start` are how everybody else starts one",
        "Sources/Gateway/CLI/Waiting.swift": "the command line has no loop of its own",
    ]
    /// Files that may sleep.
    static let sleeping = [
        "Sources/Gateway/Loop/EventLoop*": "declares the loop's own, which holds nothing up"
    ]
    /// Files with a type whose thread safety the compiler does not see.
    static let unchecked = [
        "Sources/Gateway/Loop/EventLoop.swift":
            "confined to its thread; what others may call goes through the mailbox's lock",
        "Sources/Gateway/Loop/LoopConfined.swift":
            "carried through other threads, opened on its own loop only",
        "Sources/Gateway/LinuxIO/Semaphore.swift":
            "the C library's semaphore is what synchronises",
        "Sources/Gateway/HTTPClient/CurlMulti.swift":
            "used by one thread, but for the one call that curl allows to any",
    ]
    /// Files with state whose isolation the compiler does not see.
    static let unsafe = [
        "Sources/Gateway/Loop/EventLoop*": "captures of work that never leaves the loop's thread"
    ]
    /// Files outside the driver that may make socket calls.
    static let sockets = [
        "Sources/Gateway/CLI/AdminClient.swift": "asks a running gateway, from outside of it"
    ]
    /// Shims of the socket headers that other files than the driver's may call.
    static let plainShims = [
        "weir_close": "files have descriptors too",
        "weir_unlink": "a stale file is removed like a stale socket",
    ]
}

import Glibc

/// Calls that glibc has and its module map hides.
enum GNU {
    typealias Actions = UnsafeMutablePointer<posix_spawn_file_actions_t>

    static func changeFolder(_ actions: Actions, _ folder: String) throws {
        typealias Call = @convention(c) (Actions, UnsafePointer<CChar>) -> Int32
        _ = try unsafeBitCast(find("posix_spawn_file_actions_addchdir_np"), to: Call.self)(
            actions, folder)
    }

    static func closeFrom(_ actions: Actions, _ first: Int32) throws {
        typealias Call = @convention(c) (Actions, Int32) -> Int32
        _ = try unsafeBitCast(find("posix_spawn_file_actions_addclosefrom_np"), to: Call.self)(
            actions, first)
    }

    private static func find(_ name: String) throws -> UnsafeMutableRawPointer {
        guard let call = dlsym(nil, name) else { throw HarnessFailure("glibc has no \(name)") }
        return call
    }

    /// Moves the calling thread into new namespaces.
    static func unshare(_ flags: Int32) throws {
        typealias Call = @convention(c) (Int32) -> Int32
        guard try unsafeBitCast(find("unshare"), to: Call.self)(flags) == 0 else {
            throw SocketFailure(call: "unshare", code: errno)
        }
    }
}

import Foundation
import Glibc

/// What this machine offers to the tests that need more than the gateway.
enum Tools {
    /// Whether a program is in PATH or where Debian keeps servers.
    static func has(_ program: String) -> Bool { path(program) != nil }

    /// The full path of a program.
    static func path(_ program: String) -> String? {
        if program.hasPrefix("/") { return access(program, X_OK) == 0 ? program : nil }
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return (folders.map(String.init) + ["/usr/sbin", "/sbin", "/usr/bin"])
            .map { "\($0)/\(program)" }
            .first { access($0, X_OK) == 0 }
    }

    /// Debian's Python, which has Debian's modules; else the first in PATH.
    static let python = has("/usr/bin/python3") ? "/usr/bin/python3" : "python3"

    /// Whether that Python has a module.
    static func pythonHas(_ module: String) -> Bool {
        guard let folder = try? TemporaryFolder(),
            let result = try? IntegrationTests.run([python, "-c", "import \(module)"], in: folder)
        else { return false }
        return result.isSuccess
    }

    /// Whether nc is the OpenBSD one, which speaks to proxies.
    static let hasOpenBSDNetcat: Bool = {
        guard has("nc"), let folder = try? TemporaryFolder(),
            let result = try? IntegrationTests.run(["nc", "-h"], in: folder)
        else { return false }
        return (result.output + result.errors).contains("-X proxy_protocol")
    }()

    /// Whether a test may make network and mount namespaces.
    static let hasNamespaces: Bool = {
        guard let folder = try? TemporaryFolder(),
            let result = try? IntegrationTests.run(
                ["unshare", "-n", "-m", "ip", "link", "set", "lo", "up"], in: folder)
        else { return false }
        return result.isSuccess
    }()

    /// Whether this machine has IPv6 on loopback.
    static let hasIPv6: Bool = (try? Socket.listen(on: Address("::1", 0))) != nil

    /// A helper script beside these sources.
    static func script(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Scripts").appendingPathComponent(name).path
    }
}

/// Namespaces of the calling thread alone, and of what it starts afterwards; they end with it.
///
/// Only for tests on a thread of their own (`OwnThread`).
enum Namespaces {
    private static let newMounts: Int32 = 0x0002_0000
    private static let newNetwork: Int32 = 0x4000_0000

    /// Moves this thread into a new network with nothing but loopback, up.
    static func enterNetwork(_ folder: TemporaryFolder) throws {
        try GNU.unshare(newNetwork)
        try ip("link set lo up", folder)
    }

    /// Moves this thread into a copy of the mounts that nobody else sees change.
    static func enterMounts() throws {
        try GNU.unshare(newMounts)
        guard mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil) == 0 else {
            throw SocketFailure(call: "mount", code: errno)
        }
    }

    /// Mounts an empty file system of `bytes` on a new folder in `folder`; its path.
    static func mountSmallDisk(_ bytes: Int, in folder: TemporaryFolder) throws -> String {
        let path = folder.path("disk")
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else {
            throw SocketFailure(call: "mount", code: errno)
        }
        return path
    }

    /// Runs `ip` with words separated by spaces.
    static func ip(_ words: String, _ folder: TemporaryFolder) throws {
        let command = ["ip"] + words.split(separator: " ").map(String.init)
        let result = try run(command, in: folder)
        guard result.isSuccess else { throw HarnessFailure("ip \(words): \(result)") }
    }
}

import Foundation
import Glibc
import Testing

/// `make install` into a folder, and what it puts there.
@Suite("make install", .ownThread)
struct InstallTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .path(percentEncoded: false)

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Runs `make` with words; the binary under test is what it installs.
    private func make(_ words: String...) throws {
        let result = try run(
            ["make", "-C", Self.root, "BINARY=\(Gateway.binary)"] + words, in: folder, within: 60)
        #expect(result.isSuccess, "\(result)")
    }

    private func files(_ name: String) -> [String] {
        let all = (try? FileManager.default.subpathsOfDirectory(atPath: folder.path(name))) ?? []
        return all.filter { path in
            var isFolder: ObjCBool = false
            let full = folder.path("\(name)/\(path)")
            return FileManager.default.fileExists(atPath: full, isDirectory: &isFolder)
                && !isFolder.boolValue
        }.sorted()
    }

    @Test func `everything is in its place, and uninstall takes it away again`() throws {
        try make("install", "DESTDIR=\(folder.path("stage"))")
        let all = files("stage")
        let expected = [
            "bin/weir", "lib/systemd/system/weir.service", "lib/sysusers.d/weir.conf",
            "share/bash-completion/completions/weir", "share/doc/weir/README.md",
            "share/doc/weir/examples/socks5.yaml", "share/doc/weir/weir.yaml",
            "share/fish/vendor_completions.d/weir.fish", "share/man/man5/weir.yaml.5",
            "share/man/man8/weir.8", "share/zsh/site-functions/_weir",
        ].map { "usr/local/\($0)" }
        #expect(Set(expected).subtracting(all).isEmpty, "\(all)")
        #expect(all.allSatisfy { expected.contains($0) || $0.contains("/examples/") }, "\(all)")
        for path in ["share/doc/weir/weir.yaml", "lib/systemd/system/weir.service"] {
            let text = readText(folder.path("stage/usr/local/\(path)"))
            #expect(text.contains("/usr/local/") && !text.contains("@BIN"), "\(path)")
            #expect(!text.contains("@DOC"), "\(path)")
            #expect(!text.contains("stage"), "\(path) knows where it was staged")
        }
        try make("uninstall", "DESTDIR=\(folder.path("stage"))")
        #expect(files("stage").isEmpty)
    }

    @Test func `PREFIX moves all of it, and what is installed runs`() throws {
        let prefix = folder.path("opt")
        try make("install", "PREFIX=\(prefix)")
        let binary = prefix + "/bin/weir"
        let version = try run([binary, "-V"], in: folder)
        #expect(version.isSuccess && version.output.hasPrefix("weir "), "\(version)")
        let unit = readText(prefix + "/lib/systemd/system/weir.service")
        #expect(unit.contains("\nExecStart=\(binary) -C /etc/weir/weir.yaml\n"))
        for file in files("opt") where file.hasSuffix(".yaml") {
            // Examples name their lists from the folder that examples/ is in.
            let check =
                "cd '\(prefix)/share/doc/weir' && exec '\(binary)' check -C '\(prefix)/\(file)'"
            let result = try run(["/bin/sh", "-c", check], in: folder)
            #expect(result.isSuccess, "\(file): \(result)")
        }
    }

    // MARK: The unit

    @Test func `systemd finds nothing wrong with the unit, and little exposed`() throws {
        let prefix = folder.path("opt")
        try make("install", "PREFIX=\(prefix)")
        let unit = prefix + "/lib/systemd/system/weir.service"
        let verified = try run(["systemd-analyze", "verify", "--man=no", unit], in: folder)
        // It complains of the machine's other units too, and of their programs.
        let findings = verified.errors.split(separator: "\n").filter {
            $0.contains("weir") && !$0.contains("/bin/kill")
        }
        #expect(findings.isEmpty, "\(verified)")
        // A service without any protection has 96.
        let exposure = try run(
            [
                "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20",
                unit,
            ], in: folder)
        #expect(exposure.isSuccess, "\(exposure.output.suffix(200))")
    }

    @Test func `the unit allows every system call and address family of a run`() throws {
        let unit = readText(Self.root + "/Packaging/weir.service")
        let allowed = try systemCalls(in: unit)
        try #require(allowed.count > 200 && !allowed.contains("mount"))
        let trace = folder.path("trace")
        let origin = try TCPOrigin.echo()
        let launcher = ["strace", "-f", "-qq", "-o", trace]
        var text = GatewayText.socks()
        text.services[0].address = "0.0.0.0:\(try Ports.free())"
        try withGateway(text, folder: folder, launcher: launcher) { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            #expect(try client.request(.connect, origin.address).code == 0)
            // Enough for pipes and splices.
            try client.socket.send(.pattern(1 << 20))
            #expect(try client.socket.receive(exactly: 1 << 20).count == 1 << 20)
            let association = try Association(gateway.address, user: nil)
            let echo = try UDPOrigin()
            #expect(try association.exchange([1], with: echo.address) == [1])
            let named = try SOCKSClient(gateway.address, user: nil)
            _ = try named.request(.connect, .name("localhost", origin.port))
            // Whether that is the machine's own address is asked of the kernel; nobody answers.
            let distant = try SOCKSClient(gateway.address, user: nil)
            let port = [UInt8(gateway.port >> 8), UInt8(gateway.port & 255)]
            try distant.socket.send([5, 1, 0, 1, 198, 51, 100, 1] + port)
            pause(milliseconds: 500)
            distant.socket.close()
            // strace lets no signal end it; the gateway is in its group.
            _ = Glibc.kill(-gateway.process.pid, SIGTERM)
            #expect(gateway.process.exit(within: 40) == .code(0))
        }
        let calls = readText(trace).split(separator: "\n").compactMap(Self.call)
        #expect(calls.count > 500)
        // What the loader and `exec` do is over before the filter would see it, or is allowed.
        // SQLite gives its files to the database's owner where it runs as root; the unit does not.
        let names = Set(calls.map(\.name)).subtracting(["fchown"])
        #expect(names.subtracting(allowed).isEmpty, "not allowed by the unit")
        #expect(names.contains("splice") && names.contains("pipe2"))
        let families = Set(calls.filter { $0.name == "socket" }.compactMap(\.firstArgument))
        let line = unit.split(separator: "\n").first { $0.hasPrefix("RestrictAddressFamilies=") }
        let permitted = Set((line ?? "").split { $0 == " " || $0 == "=" }.map(String.init))
        #expect(families.subtracting(permitted).isEmpty && families.contains("AF_NETLINK"))
    }

    /// What `SystemCallFilter=` lines leave, with groups spelled out.
    private func systemCalls(in unit: String) throws -> Set<String> {
        var allowed: Set<String> = []
        for line in unit.split(separator: "\n") where line.hasPrefix("SystemCallFilter=") {
            let words = line.dropFirst("SystemCallFilter=".count)
            let names = try Set(
                words.drop { $0 == "~" }.split(separator: " ").flatMap { try members(String($0)) })
            if words.hasPrefix("~") { allowed.subtract(names) } else { allowed.formUnion(names) }
        }
        return allowed
    }

    private func members(_ group: String) throws -> [String] {
        guard group.hasPrefix("@") else { return [group] }
        let result = try run(
            ["systemd-analyze", "syscall-filter", "--no-pager", group], in: folder)
        let names = result.output.split(separator: "\n").dropFirst()
            .map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty && !$0.hasPrefix("#") }
        return try names.flatMap { try members($0) }
    }

    /// The call of a line such as `1234 socket(AF_INET, SOCK_STREAM, 0) = 3`.
    private static func call(_ line: Substring) -> (name: String, firstArgument: String?)? {
        guard let space = line.firstIndex(of: " ") else { return nil }
        let rest = line[line.index(after: space)...].drop { $0 == " " }
        guard let bracket = rest.firstIndex(of: "("), rest.first?.isLetter == true else {
            return nil
        }
        let argument = rest[rest.index(after: bracket)...].prefix { $0 != "," && $0 != ")" }
        return (String(rest[..<bracket]), argument.isEmpty ? nil : String(argument))
    }
}

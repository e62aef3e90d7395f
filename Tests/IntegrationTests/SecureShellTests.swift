import Foundation
import Glibc
import Testing

@Suite("ssh through a proxy command", .ownThread)
struct SecureShellTests {
    private static let isPossible =
        Tools.hasOpenBSDNetcat && Tools.has("ssh") && Tools.has("sshd") && Tools.has("ssh-keygen")

    /// A real sshd on a port of its own, with keys of its own.
    private func startServer(_ folder: TemporaryFolder, port: UInt16) throws -> ChildProcess {
        for key in ["host", "user"] {
            let made = try run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder.path(key)], in: folder)
            try #require(made.isSuccess, "\(made)")
        }
        // Its privilege separation wants this folder, which an init system would have made.
        _ = mkdir("/run/sshd", 0o755)
        let configuration = """
            Port \(port)
            ListenAddress 127.0.0.1
            HostKey \(folder.path("host"))
            AuthorizedKeysFile \(folder.path("user.pub"))
            PidFile none
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            PermitRootLogin prohibit-password

            """
        let file = try folder.write(configuration, to: "sshd_config")
        let server = try ChildProcess(
            [Tools.path("sshd") ?? "sshd", "-D", "-e", "-f", file], in: folder)
        try #require(
            eventually { SocketTable.listens(on: port) || !server.isRunning }
                && server.isRunning, "\(server.errors)")
        return server
    }

    @Test(.enabled(if: isPossible, "OpenBSD nc, ssh or sshd is not installed"))
    func `a session carries a file there and back`() throws {
        try withGateway { gateway in
            let folder = gateway.folder
            let port = try Ports.free()
            let server = try startServer(folder, port: port)
            defer { server.kill() }
            let input = String(repeating: "line of a file that goes and returns\n", count: 30_000)
            let result = try run(
                [
                    "ssh", "-F", "none", "-p", "\(port)", "-i", folder.path("user"),
                    "-o", "ProxyCommand=nc -X 5 -x 127.0.0.1:\(gateway.port) %h %p",
                    "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
                    "-o", "UserKnownHostsFile=\(folder.path("known_hosts"))",
                    "-l", NSUserName(), "127.0.0.1", "cat",
                ], in: folder, input: input, within: 60)
            #expect(result.isSuccess, "\(result.errors)\(server.errors.suffix(2000))")
            #expect(result.output == input)
            let record = try gateway.onlyRecord()
            #expect(record.uplinkBytes > input.utf8.count)
            #expect(record.downlinkBytes > input.utf8.count)
            #expect(record.destination == "127.0.0.1:\(port)")
        }
    }
}

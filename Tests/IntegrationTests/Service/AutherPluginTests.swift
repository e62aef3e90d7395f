import Foundation
import Testing

/// Logins asked of a real server that works, hangs, talks nonsense, dies and comes back.
@Suite("Auther plugins over HTTP", .ownThread)
struct AutherPluginTests {
    private let folder: TemporaryFolder
    private let server: PluginServer

    init() throws {
        folder = try TemporaryFolder()
        server = try PluginServer(folder)
    }

    private func text(
        _ scheme: String = "http", _ more: String = "", _ other: PluginServer? = nil
    ) -> GatewayText {
        let server = other ?? server
        var text = GatewayText.socks()
        text.more = """
              - name: panel
                plugin:
                  type: http
                  addr: \(scheme)://127.0.0.1:\(server.port)/auth
                  token: t0ken-of-mine
                  timeout: 500ms
            \(more)
            """
        return text
    }

    /// The file, with the auther that the harness does not know.
    private func gateway(_ text: GatewayText) throws -> Gateway {
        var whole = text
        whole.services[0].handler = "socks5\n      auther: panel"
        whole.more = "authers:\n" + text.more + "\n"
        return try Gateway(whole, folder: folder)
    }

    /// The status of a login: 0 lets in.
    private func login(_ gateway: Gateway, _ user: String, _ password: String) throws -> UInt8 {
        let client = try SOCKSClient(gateway.address)
        guard try client.greet([2]) == 2 else { return 255 }
        let (name, secret) = (Array(user.utf8), Array(password.utf8))
        try client.socket.send(
            [1, UInt8(name.count)] + name + [UInt8(secret.count)] + secret)
        return try client.socket.receive(exactly: 2)[1]
    }

    @Test func `a server decides, and its id is billed`() throws {
        try server.start()
        let origin = try TCPOrigin.echo()
        let gateway = try gateway(text())
        let client = try SOCKSClient(gateway.address, user: "alice")
        #expect(try client.request(.connect, origin.address).code == 0)
        client.socket.close()
        #expect(try gateway.onlyRecord().user == "id-of-alice")
        #expect(try login(gateway, "alice", "wrong") != 0)
        let asked = server.requests("/auth")
        #expect(asked.allSatisfy { $0.token == "Bearer t0ken-of-mine" } && asked.count == 2)
        #expect(asked.allSatisfy { $0.body["service"] as? String == "socks" })
        #expect(try gateway.terminate() == .code(0))
        #expect(!gateway.log.contains("pw-of-") && !gateway.log.contains("t0ken"))
    }

    @Test func `a server that fails in any way lets nobody in, and is said once`() throws {
        try server.start()
        let gateway = try gateway(text())
        #expect(try login(gateway, "u1", "pw-of-u1") == 0)
        for (index, manner) in ["hang", "nonsense", "error"].enumerated() {
            try server.behave(manner)
            #expect(try login(gateway, "v\(index)", "pw-of-v\(index)") != 0, "\(manner)")
        }
        server.kill()
        #expect(try login(gateway, "w1", "pw-of-w1") != 0, "dead")
        try server.behave("good")
        try server.start()
        #expect(try login(gateway, "w2", "pw-of-w2") == 0, "back again")
        #expect(try gateway.terminate() == .code(0))
        let lines = gateway.log.split(separator: "\n")
        #expect(lines.count { $0.contains("a plugin's server fails") } == 1, "\(gateway.log)")
        #expect(lines.count { $0.contains("a plugin's server works again") } == 1)
    }

    @Test func `a certificate must be right unless the file says otherwise`() throws {
        let made = try run(
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout",
                "key.pem", "-out", "cert.pem", "-subj", "/CN=panel.test", "-addext",
                "subjectAltName=DNS:panel.test",
            ], in: folder)
        try #require(made.isSuccess, "\(made)")
        let server = try PluginServer(
            folder, certificate: [folder.path("cert.pem"), folder.path("key.pem")])
        try server.start()
        let authority = folder.path("cert.pem")
        for (tls, isLetIn) in [
            ("", false), ("      tls: { secure: false }", true),
            ("      tls: { caFile: \(authority) }", false),
            ("      tls: { caFile: \(authority), serverName: other.test }", false),
            ("      tls: { caFile: \(authority), serverName: panel.test }", true),
        ] {
            let gateway = try gateway(text("https", tls, server))
            #expect(try (login(gateway, "alice", "pw-of-alice") == 0) == isLetIn, "\(tls)")
            #expect(try gateway.terminate() == .code(0))
        }
    }
}

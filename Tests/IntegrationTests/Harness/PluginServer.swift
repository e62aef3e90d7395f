import Foundation
import Testing

/// A server of gost's plugin protocol, which behaves as it is told.
///
/// ## Concurrency
/// Used by the thread of one test.
final class PluginServer {
    let folder: TemporaryFolder
    let port: UInt16
    private let certificate: [String]
    private var process: ChildProcess?

    /// What it was asked.
    struct Request {
        let path: String
        let token: String?
        /// How it behaved: it took what it was told in the manners `good` and `lost`.
        let manner: String
        let body: [String: Any]
    }

    /// A server that behaves well and does not run yet. With a certificate it speaks TLS.
    init(_ folder: TemporaryFolder, certificate: [String] = []) throws {
        self.folder = folder
        self.certificate = certificate
        port = try Ports.free()
        try behave("good")
    }

    deinit { kill() }

    /// Behaves so from now on.
    func behave(_ manner: String) throws { try folder.write(manner, to: "manner") }

    /// Answers so to questions about limits.
    func limit(_ lines: String) throws { try folder.write(lines, to: "manner.limits") }

    func start() throws {
        let words = ["\(port)", folder.path("manner"), folder.path("requests")] + certificate
        let process = try ChildProcess(
            [Tools.python, Tools.script("plugin_server.py")] + words, in: folder)
        self.process = process
        #expect(eventually { SocketTable.listens(on: port) }, "\(process.errors)")
    }

    func kill() {
        process?.kill()
        process = nil
    }

    /// What it was asked at a path, in order.
    func requests(_ path: String) -> [Request] {
        readText(folder.path("requests")).split(separator: "\n").compactMap { line in
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8))
            guard let entry = object as? [String: Any], entry["path"] as? String == path,
                let manner = entry["manner"] as? String, let body = entry["body"] as? [String: Any]
            else { return nil }
            return Request(
                path: path, token: entry["token"] as? String, manner: manner, body: body)
        }
    }
}

import Configuration
import Foundation
import Model
import Options
import Testing

@Suite("Examples")
struct ExamplesTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Every example, and the file that `make run` starts with.
    private static let paths =
        [
            "admissions.yaml", "api-and-metrics.yaml", "authers-in-order.yaml", "bind.yaml",
            "bypass.yaml", "chain-rules.yaml", "chain.yaml",
            "files-with-reload.yaml", "hashed-passwords.yaml", "hosts-and-resolvers.yaml",
            "http.yaml", "interface.yaml", "json-log.yaml", "limits.yaml", "observer.yaml",
            "plugin-auth.yaml", "plugin-limiter.yaml",
            "quotas.yaml",
            "proxy-protocol.yaml",
            "socks5.yaml",
            "tcp-forward.yaml",
            "templates.yaml", "two-meters.yaml", "udp-associate.yaml", "udp-chain.yaml",
            "udp-forward.yaml",
            "HelloPlugin/hello.yaml",
        ].map { "examples/\($0)" } + ["plugins.yaml"]

    private func text(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appending(path: path), encoding: .utf8)
    }

    /// Loads a file as from the folder that it lies in examples of.
    private static func load(_ text: String, _ path: String) -> LoadedConfiguration {
        Configuration.load(
            bytes: Array(text.utf8), file: path,
            readingWith: { (path) throws(FileFault) in
                guard let data = try? Data(contentsOf: root.appending(path: path)) else {
                    throw FileFault.noSuchFile
                }
                return Array(data)
            })
    }

    @Test func `none is missing here`() throws {
        let names = try FileManager.default.contentsOfDirectory(
            atPath: Self.root.appending(path: "examples").path(percentEncoded: false))
        let listed = Self.paths.map { String($0.dropFirst("examples/".count)) }
        #expect(names.filter { $0.hasSuffix(".yaml") && !listed.contains($0) }.isEmpty)
    }

    @Test(arguments: paths)
    func `an example loads without a finding and listens at home`(path: String) throws {
        let loaded = Self.load(try text(path), path)
        #expect(loaded.diagnostics.map(\.message) == [])
        #expect(!loaded.options.services.isEmpty)
        for service in loaded.options.services {
            #expect(service.address.value.address.isLoopback)
        }
    }

    @Test(arguments: paths)
    func `its passwords are refused on any other address`(path: String) throws {
        let text = try text(path)
        let options = Self.load(text, path).options
        let users = options.services.flatMap { service in service.handler.authers.map(\.value) }
        let abroad = text.replacing("127.0.0.1:", with: "192.0.2.1:")
        let loaded = Self.load(abroad, path)
        let errors = loaded.diagnostics.filter { $0.severity == .error }
        #expect(errors.allSatisfy { $0.message.hasPrefix("this password stands in the examples") })
        let hasLists = users.contains { name in
            options.authers.first { $0.name.value == name }?.plugin == nil
        }
        let needsOne = hasLists || text.contains("auth: {")
        #expect(errors.isEmpty == !needsOne)
    }

    @Test func `ports differ, so that all can run at once`() throws {
        let ports = try Self.paths.flatMap { path in
            Self.load(try text(path), path).options.services
                .map(\.address.value.port)
        }
        #expect(Set(ports).count == ports.count)
    }
}

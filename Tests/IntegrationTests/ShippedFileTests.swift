import Foundation
import Testing

/// The file that a newcomer starts with, on another port and in another folder.
@Suite("plugins.yaml as shipped", .ownThread)
struct ShippedFileTests {
    private static let path = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "plugins.yaml").path(percentEncoded: false)

    @Test func `it passes the check and listens on loopback`() throws {
        let folder = try TemporaryFolder()
        let result = try Gateway.command(["check", "-C", Self.path], in: folder)
        #expect(result.isSuccess, "\(result)")
        #expect(readText(Self.path).contains("127.0.0.1:1080"))
    }

    @Test(.enabled(if: Tools.has("curl"), "curl is not installed"))
    func `usage by user is exactly what curl moved`() throws {
        let folder = try TemporaryFolder()
        let port = try Ports.free()
        let shipped = readText(Self.path).replacing("127.0.0.1:1080", with: "127.0.0.1:\(port)")
        try #require(!shipped.isEmpty)
        let file = try folder.write(shipped, to: "plugins.yaml")
        let gateway = try ChildProcess([Gateway.binary, "-C", file], in: folder)
        defer { gateway.kill() }
        let isReady = eventually(within: 30) {
            SocketTable.listens(on: port) || !gateway.isRunning
        }
        try #require(isReady && gateway.isRunning, "\(gateway.errors)")

        let origin = try TCPOrigin.http(body: .pattern(54_321))
        let format = "%{size_request} %{size_upload} %{size_header} %{size_download}"
        let curl = try run(
            [
                "curl", "-sS", "-o", "/dev/null", "-w", format, "-x",
                "socks5h://alice:secret@127.0.0.1:\(port)", "http://127.0.0.1:\(origin.port)/",
            ], in: folder)
        let figures = curl.output.split(separator: " ").compactMap { Int($0) }
        try #require(curl.isSuccess && figures.count == 4, "\(curl)")
        let expected = (figures[0] + figures[1], figures[2] + figures[3])

        // Without words, as a newcomer types it: the file is found in the working folder.
        var last = ""
        let isExact = try eventually(within: 20, every: 300) {
            let usage = try Gateway.command(["usage", "--by", "user", "--json"], in: folder)
            last = usage.description
            guard usage.isSuccess, let row = try Usage(json: usage.output)["alice"] else {
                return false
            }
            return (row.uplinkBytes, row.downlinkBytes) == expected && row.flows == 1
        }
        #expect(isExact, "curl moved \(expected), usage: \(last)")
        gateway.signal(15)
        #expect(gateway.exit(within: 20) == .code(0))
        #expect(!(gateway.errors + gateway.output).contains("secret"))
    }
}

import Testing

@Suite("weir usage", .ownThread)
struct UsageTests {
    /// A gateway that has moved 10 and 20 bytes up for alice and 300 for bob, all recorded.
    private func withTraffic(_ body: (Gateway, TCPOrigin) throws -> Void) throws {
        let origin = try TCPOrigin.greeting(.pattern(7))
        try withGateway(.socks(isClosed: true)) { gateway in
            for (user, size) in [("alice", 10), ("alice", 20), ("bob", 300)] {
                let client = try SOCKSClient(gateway.address, user: user)
                #expect(try client.request(.connect, origin.address).code == 0)
                try client.socket.send(.pattern(size))
                client.socket.shutdownWriting()
                _ = try client.socket.receiveToEnd()
            }
            _ = try gateway.usage(by: "user") { $0.flows == 3 && $0.uplinkBytes == 330 }
            try body(gateway, origin)
        }
    }

    @Test func `every grouping has the same sum`() throws {
        try withTraffic { gateway, origin in
            let keys = [
                "user", "service", "node", "destination", "protocol", "day", "flow",
                "user,protocol", "day,user,destination",
            ]
            for key in keys {
                let usage = try gateway.usage(by: key)
                #expect(usage.by == key)
                #expect(usage.uplinkBytes == 330 && usage.downlinkBytes == 21, "by \(key)")
                #expect(usage.flows == 3, "by \(key)")
            }
            let byUser = try gateway.usage(by: "user")
            #expect(byUser["alice"]?.uplinkBytes == 30 && byUser["bob"]?.uplinkBytes == 300)
            #expect(try gateway.usage(by: "service")["socks"]?.flows == 3)
            #expect(try gateway.usage(by: "protocol")["tcp"]?.flows == 3)
            #expect(try gateway.usage(by: "flow").rows.count == 3)
            let flows = Set(try gateway.records(3).map(\.flow))
            #expect(Set(try gateway.usage(by: "flow").rows.map(\.key)) == flows)
            let destination = try #require(gateway.usage(by: "destination").rows.first)
            #expect(destination.key == origin.address.description)
        }
    }

    @Test func `top and since narrow it`() throws {
        try withTraffic { gateway, _ in
            let top = try gateway.usage(by: "user", ["--top", "1"])
            #expect(top.rows.map(\.key) == ["bob"])
            #expect(try gateway.usage(by: "user", ["--since", "1h"]).flows == 3)
            #expect(try gateway.usage(by: "user", ["--since", "2099-01-01"]).rows.isEmpty)
        }
    }

    @Test func `csv and text say the same figures`() throws {
        try withTraffic { gateway, _ in
            let database = gateway.database()
            let csv = try Gateway.command(
                ["usage", "--by", "user", "--db", database, "--csv"], in: gateway.folder)
            #expect(csv.isSuccess, "\(csv)")
            let lines = csv.output.split(whereSeparator: \.isNewline).map(String.init)
            try #require(lines.count == 3, "\(csv)")
            let columns = lines[0].split(separator: ",").map(String.init)
            #expect(columns.contains("uplink_bytes") && columns.contains("downlink_bytes"))
            let alice = try #require(lines.first { $0.contains("alice") })
            #expect(alice.split(separator: ",").contains("30"), "\(alice)")
            let text = try Gateway.command(
                ["usage", "--by", "user", "--db", database], in: gateway.folder)
            #expect(text.isSuccess && text.output.contains("alice"), "\(text)")
            #expect(text.output.contains("bob") && text.output.contains("300"), "\(text)")
        }
    }

    @Test func `usage finds the store through the configuration`() throws {
        try withTraffic { gateway, _ in
            let result = try Gateway.command(
                ["usage", "--by", "user", "--json", "-C", gateway.file], in: gateway.folder)
            try #require(result.isSuccess, "\(result)")
            #expect(try Usage(json: result.output).uplinkBytes == 330)
        }
    }

    @Test func `what cannot be meant is wrong usage`() throws {
        let folder = try TemporaryFolder()
        let wrong = [
            ["usage", "--by", "colour", "--db", "x.db"], ["usage", "--nonsense"],
            ["usage", "--top", "many"],
            ["usage", "--since", "yesteryear"],
        ]
        for words in wrong {
            let result = try Gateway.command(words, in: folder)
            #expect(result.exit == .code(2), "\(words): \(result)")
            #expect(!result.errors.isEmpty, "\(words) is refused without a word")
        }
    }

    @Test func `a database that is not there is said, not made`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("none.db")
        let result = try Gateway.command(["usage", "--db", path], in: folder)
        #expect(!result.isSuccess && result.errors.contains("none.db"), "\(result)")
        #expect(!exists(path))
    }

    @Test func `live without a gateway says so`() throws {
        let folder = try TemporaryFolder()
        let text = GatewayText.socks().yaml(folder: folder.root, addresses: ["127.0.0.1:9"])
        let file = try folder.write(text, to: "gateway.yaml")
        let result = try Gateway.command(["usage", "--live", "-C", file], in: folder)
        #expect(!result.isSuccess && !result.errors.isEmpty, "\(result)")
    }
}

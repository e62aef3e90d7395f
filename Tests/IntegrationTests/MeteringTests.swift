import Foundation
import Glibc
import Testing

@Suite("What is metered", .ownThread)
struct MeteringTests {
    /// Sends `up` bytes through the gateway to an origin that answers `down` bytes.
    private func move(
        _ up: Int, _ gateway: Address, user: String?, to origin: TCPOrigin
    ) throws {
        let client = try SOCKSClient(gateway, user: user)
        guard try client.request(.connect, origin.address).code == 0 else {
            throw HarnessFailure("no connection to the origin")
        }
        try client.socket.send(.pattern(up))
        client.socket.shutdownWriting()
        _ = try client.socket.receiveToEnd()
    }

    @Test func `peers, records and totals say the same to the byte`() throws {
        let tcp = try TCPOrigin.echo()
        let udp = try UDPOrigin { $0.count % 3 == 0 ? nil : $0 + [0] }
        try withGateway(.socks(isClosed: true)) { gateway in
            for (index, size) in [0, 1, 999, 65_536, 1_234_567, 7].enumerated() {
                try move(size, gateway.address, user: index % 2 == 0 ? "alice" : "bob", to: tcp)
            }
            for user in ["alice", "bob"] {
                let association = try Association(gateway.address, user: user)
                for size in [0, 1, 2, 3, 100, 1000, 1200] {
                    try association.send(.pattern(size), to: udp.address)
                    if size % 3 != 0 { _ = try association.receive() }
                }
            }
            let records = try gateway.records(8)
            #expect(records.count == 8 && Set(records.map(\.flow)).count == 8)
            let usage = try gateway.usage(by: "protocol") { $0.flows == 8 }
            #expect(usage["tcp"]?.uplinkBytes == tcp.connections.map(\.received).reduce(0, +))
            #expect(usage["tcp"]?.downlinkBytes == tcp.connections.map(\.sent).reduce(0, +))
            #expect(usage["udp"]?.uplinkBytes == udp.figures.receivedBytes)
            #expect(usage["udp"]?.downlinkBytes == udp.figures.sentBytes)
            let datagrams = records.filter { $0.protocol == "udp" }
            #expect(datagrams.map(\.uplinkPackets).reduce(0, +) == udp.figures.received)
            #expect(datagrams.map(\.downlinkPackets).reduce(0, +) == udp.figures.sent)
            for user in ["alice", "bob"] {
                let own = records.filter { $0.user == user }
                let row = try gateway.usage(by: "user")[user]
                #expect(row?.uplinkBytes == own.map(\.uplinkBytes).reduce(0, +))
                #expect(row?.downlinkBytes == own.map(\.downlinkBytes).reduce(0, +))
                #expect(row?.flows == own.count)
            }
        }
    }

    @Test func `a record has the facts of its flow`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address, user: "alice")
            let reply = try client.request(.connect, .name("localhost", origin.port))
            let local = client.socket.local
            try client.socket.send([1, 2, 3])
            _ = try client.socket.receive(exactly: 3)
            client.socket.shutdownWriting()
            _ = try client.socket.receiveToEnd()
            let record = try gateway.onlyRecord()
            #expect(record.flow.wholeMatch(of: /[0-9a-f]{32}/) != nil)
            #expect(record.boot.wholeMatch(of: /[0-9a-f]{16}/) != nil)
            let uuid = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/
            #expect(record.session?.wholeMatch(of: uuid) != nil)
            #expect(record.service == "socks" && record.handler == "socks5")
            #expect(record.guids == ["meter"] && record.user == "alice" && record.node == nil)
            #expect(record.protocol == "tcp" && record.route.isEmpty)
            #expect(record.client == local.description)
            #expect(record.listener == gateway.address.description)
            #expect(record.upstreamLocal == reply.bound.description)
            #expect(record.upstreamRemote == origin.address.description)
            let time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/
            #expect(record.opened.wholeMatch(of: time) != nil)
            #expect(record.closed.wholeMatch(of: time) != nil)
            #expect(record.opened <= record.closed)
            #expect(record.overheadUplinkBytes == client.handshakeSent)
            #expect(record.overheadDownlinkBytes == client.handshakeReceived)
            #expect(record.end.phase == "relay" && record.end.cause == "finished")
        }
    }

    @Test func `a user's flows share a session, another user has another`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(isClosed: true)) { gateway in
            for user in ["alice", "bob", "alice"] {
                try move(5, gateway.address, user: user, to: origin)
            }
            let records = try gateway.records(3)
            let alice = Set(records.filter { $0.user == "alice" }.map(\.session))
            let bob = Set(records.filter { $0.user == "bob" }.map(\.session))
            #expect(alice.count == 1 && bob.count == 1 && alice.isDisjoint(with: bob))
        }
    }

    @Test func `what an open flow has moved is in the totals while it runs`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address, user: "alice")
            #expect(try client.request(.connect, origin.address).code == 0)
            for total in [1000, 2000, 3000] {
                try client.socket.send(.pattern(1000))
                _ = try client.socket.receive(exactly: 1000)
                let usage = try gateway.usage(by: "user") { $0["alice"]?.uplinkBytes == total }
                #expect(usage["alice"]?.uplinkBytes == total)
                #expect(usage["alice"]?.downlinkBytes == total)
            }
            client.socket.close()
            #expect(try gateway.onlyRecord().uplinkBytes == 3000)
            pause(milliseconds: 2500)
            #expect(try gateway.usage(by: "user")["alice"]?.uplinkBytes == 3000)
        }
    }

    @Test func `live usage shows an open flow at once`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address, user: "alice")
            #expect(try client.request(.connect, origin.address).code == 0)
            try client.socket.send(.pattern(4321))
            _ = try client.socket.receive(exactly: 4321)
            var last = ""
            let isShown = try eventually {
                let result = try Gateway.command(
                    ["usage", "--live", "--json", "-C", gateway.file], in: gateway.folder)
                last = result.description
                return result.isSuccess && result.output.contains("4321")
                    && result.output.contains("alice")
            }
            #expect(isShown, "\(last)")
        }
    }

    @Test func `a plugin sees the flows of handlers that name its GUID, and no others`() throws {
        let origin = try TCPOrigin.echo()
        let naming = ["statsGUID: one", "statsGUID: two", "statsGUID: [one, two]"]
        var text = GatewayText(services: [], meters: ["one", "two"])
        text.services = try naming.enumerated().map { index, line in
            GatewayText.Service(
                name: "service-\(index)", address: "127.0.0.1:\(try Ports.free())",
                handlerMetadata: [line])
        }
        text.services.append(GatewayText.Service(name: "unmetered"))
        try withGateway(text) { gateway in
            for (index, size) in [1, 10, 100, 1000].enumerated() {
                try move(size, gateway.addresses[index], user: nil, to: origin)
            }
            let one = try gateway.usage(by: "service", guid: "one") { $0.flows >= 2 }
            let two = try gateway.usage(by: "service", guid: "two") { $0.flows >= 2 }
            pause(milliseconds: 1500)
            #expect(try gateway.usage(by: "service", guid: "one") == one)
            #expect(one.uplinkBytes == 101 && one.flows == 2)
            #expect(two.uplinkBytes == 110 && two.flows == 2)
            #expect(try gateway.records(2, guid: "one").map(\.uplinkBytes).sorted() == [1, 100])
            #expect(try gateway.records(2, guid: "two").map(\.uplinkBytes).sorted() == [10, 100])
        }
    }

    @Test func `a GUID without plugin and a plugin without handler are said at start`() throws {
        let origin = try TCPOrigin.echo()
        var text = GatewayText.socks()
        text.meters = ["meter", "lonely-plugin"]
        text.services[0].handlerMetadata = ["statsGUID: [meter, ghost-guid]"]
        try withGateway(text) { gateway in
            #expect(eventually { gateway.log.contains("ghost-guid") }, "\(gateway.log)")
            #expect(gateway.log.contains("lonely-plugin"), "\(gateway.log)")
            try move(3, gateway.address, user: nil, to: origin)
            #expect(try gateway.onlyRecord().uplinkBytes == 3)
        }
    }

    @Test func `what is stored is nobody else's to read`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(isClosed: true)) { gateway in
            try move(3, gateway.address, user: "alice", to: origin)
            _ = try gateway.usage(by: "user") { $0.flows == 1 }
            _ = try gateway.records(1)
            var paths = [gateway.database(), gateway.flowsFile()]
            let state = gateway.folder.path("state")
            paths += try FileManager.default.contentsOfDirectory(atPath: state)
                .map { "\(state)/\($0)" }
            #expect(paths.contains { $0.hasSuffix("admin.sock") }, "\(paths)")
            for path in paths {
                var status = stat()
                #expect(stat(path, &status) == 0)
                let mode = String(status.st_mode & 0o077, radix: 8)
                #expect(status.st_mode & 0o077 == 0, "\(path) is open to others: \(mode)")
            }
        }
    }
}

import Foundation
import Glibc
import Testing

@Suite("Reload, by SIGHUP and -R", .ownThread)
struct ReloadTests {
    /// Writes another configuration where the gateway's stands.
    private func write(_ text: GatewayText, for gateway: Gateway) throws {
        let addresses = gateway.addresses.map(\.description)
        try write(
            text.yaml(folder: gateway.folder.root, addresses: addresses), for: gateway)
    }

    private func write(_ yaml: String, for gateway: Gateway) throws {
        let fresh = try gateway.folder.write(yaml, to: "gateway.yaml.new")
        guard rename(fresh, gateway.file) == 0 else { throw HarnessFailure("rename: \(errno)") }
    }

    /// Asks for a reload and waits for its line in the log.
    private func reload(_ gateway: Gateway, _ event: String = "reloaded") throws {
        let before = gateway.log.ranges(of: "\"\(event)").count
        gateway.process.signal(SIGHUP)
        let isDone = eventually(within: 15) {
            gateway.log.ranges(of: "\"\(event)").count > before
        }
        guard isDone else { throw HarnessFailure("no line '\(event)'\n\(gateway.log)") }
    }

    private func echo(_ client: SOCKSClient, _ bytes: [UInt8]) throws {
        try client.socket.send(bytes)
        #expect(try client.socket.receive(exactly: bytes.count) == bytes)
    }

    @Test func `flows go on, new connections meet the new rules, and every byte is counted`()
        throws
    {
        let origin = try TCPOrigin.echo()
        var text = GatewayText.socks()
        try withGateway(text) { gateway in
            let early = try SOCKSClient(gateway.address, user: nil)
            #expect(try early.request(.connect, origin.address).code == 0)
            try echo(early, [1, 2, 3])
            // From now on a password is asked for.
            text.services[0].auther = "users"
            try write(text, for: gateway)
            try reload(gateway)
            try echo(early, [4, 5])
            #expect(try SOCKSClient(gateway.address).greet([0]) == 0xff)
            let late = try SOCKSClient(gateway.address, user: "alice")
            #expect(try late.request(.connect, origin.address).code == 0)
            try echo(late, [6])
            early.socket.close()
            late.socket.close()
            let records = try gateway.records(2)
            #expect(records.map(\.uplinkBytes).sorted() == [1, 5])
            #expect(Set(records.map(\.user)) == [nil, "alice"])
        }
    }

    @Test func `a bad file changes nothing and says why`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks()) { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            #expect(try client.request(.connect, origin.address).code == 0)
            try write("services: [ { name: s, adr: x } ]\n", for: gateway)
            try reload(gateway, "reload refused; nothing has changed")
            #expect(gateway.log.contains("unknown key 'adr'"))
            #expect(gateway.log.contains("gateway.yaml:1:24"))
            try echo(client, [1])
            let other = try SOCKSClient(gateway.address, user: nil)
            #expect(try other.request(.connect, origin.address).code == 0)
        }
    }

    @Test func `an address that is taken changes nothing`() throws {
        let taken = try Socket.listen()
        var text = GatewayText.socks()
        try withGateway(text) { gateway in
            var second = text.services[0]
            second.name = "second"
            text.services.append(second)
            text.services[0].auther = "users"
            let addresses = gateway.addresses.map(\.description) + [taken.local.description]
            try write(
                text.yaml(folder: gateway.folder.root, addresses: addresses), for: gateway)
            try reload(gateway, "reload refused; nothing has changed")
            #expect(gateway.log.contains("another program listens there"))
            _ = try SOCKSClient(gateway.address, user: nil)
        }
    }

    @Test func `a plugin that comes later meters from its first flow, once it can start`() throws {
        let origin = try TCPOrigin.echo()
        var text = GatewayText.socks()
        text.meters = []
        text.services[0].handlerMetadata = ["statsGUID: meter"]
        try withGateway(text) { gateway in
            func flow(_ bytes: [UInt8]) throws {
                let client = try SOCKSClient(gateway.address, user: nil)
                #expect(try client.request(.connect, origin.address).code == 0)
                try echo(client, bytes)
                client.socket.close()
            }
            try flow([1])
            // Its store cannot be opened: a file stands where a directory is wanted.
            text.meters = ["meter"]
            text.dataFolder = try gateway.folder.write("x", to: "occupied")
            try write(text, for: gateway)
            try reload(gateway, "reload refused; nothing has changed")
            try flow([1, 2])
            text.dataFolder = nil
            try write(text, for: gateway)
            try reload(gateway)
            try flow([1, 2, 3])
            #expect(try gateway.onlyRecord().uplinkBytes == 3)
        }
    }

    @Test func `what was written last is what runs, however often it is asked for`() throws {
        var text = GatewayText.socks(isClosed: true)
        try withGateway(text) { gateway in
            for round in 0..<40 {
                text.services[0].auther = round % 2 == 0 ? nil : "users"
                try write(text, for: gateway)
                gateway.process.signal(SIGHUP)
                if round % 7 == 0 { pause(milliseconds: 20) }
            }
            let isThere = eventually(within: 15) {
                (try? SOCKSClient(gateway.address).greet([0])) == 0xff
            }
            #expect(isThere)
        }
    }

    @Test func `services come, move and go`() throws {
        let origin = try TCPOrigin.echo()
        var text = GatewayText.socks()
        try withGateway(text) { gateway in
            var second = text.services[0]
            second.name = "second"
            text.services.append(second)
            let (one, other) = (try Ports.free(), try Ports.free())
            func apply(_ ports: [UInt16]) throws {
                let addresses = ports.map { Address.local($0).description }
                try write(
                    text.yaml(folder: gateway.folder.root, addresses: addresses), for: gateway)
                try reload(gateway)
            }
            try apply([gateway.port, one])
            let early = try SOCKSClient(.local(one), user: nil)
            #expect(try early.request(.connect, origin.address).code == 0)
            try apply([gateway.port, other])
            #expect(!SocketTable.listens(on: one))
            #expect(SocketTable.listens(on: other))
            try echo(early, [1, 2])
            text.services.removeLast()
            try apply([gateway.port])
            #expect(!SocketTable.listens(on: other))
            try echo(early, [3])
            early.socket.close()
            #expect(try gateway.onlyRecord().uplinkBytes == 3)
        }
    }

    @Test func `a forwarder of datagrams keeps its socket and its sessions`() throws {
        let (first, second) = (try UDPOrigin(), try UDPOrigin())
        var text = GatewayText.forward("udp", to: [first.address])
        try withGateway(text) { gateway in
            let early = try Socket.datagram()
            try early.send([1], to: gateway.address)
            #expect(try early.receiveDatagram().bytes == [1])
            text.services[0].targets = [second.address.description]
            try write(text, for: gateway)
            try reload(gateway)
            try early.send([2], to: gateway.address)
            #expect(try early.receiveDatagram().bytes == [2])
            let late = try Socket.datagram()
            try late.send([3], to: gateway.address)
            #expect(try late.receiveDatagram().bytes == [3])
            #expect(first.figures.received == 2)
            #expect(second.figures.received == 1)
        }
    }
}

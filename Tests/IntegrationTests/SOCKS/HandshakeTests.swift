import Glibc
import Testing

@Suite("SOCKS handshakes that go wrong", .ownThread)
struct HandshakeTests {
    private static let login: [UInt8] =
        [1, 5] + Array("alice".utf8) + [11] + Array("pw-of-alice".utf8)

    @Test func `truncation at every byte ends the connection and nothing else`() throws {
        let origin = try TCPOrigin.echo()
        let whole = [5, 1, 2] + Self.login + [5, 1, 0] + SOCKSTarget.name("localhost", 9).bytes
        try withGateway(.socks(isClosed: true)) { gateway in
            let baseline = gateway.figures.descriptors
            for length in 0..<whole.count {
                let client = try SOCKSClient(gateway.address)
                try client.socket.send(whole[..<length])
                client.socket.shutdownWriting()
                #expect(client.socket.isClosedByPeer(), "open after \(length) bytes")
                let other = try SOCKSClient(gateway.address)
                try other.socket.send(whole[..<length])
                other.socket.reset()
            }
            #expect(eventually { gateway.figures.descriptors <= baseline + 2 })
            let client = try SOCKSClient(gateway.address, user: "alice")
            #expect(try client.request(.connect, origin.address).code == 0)
        }
    }

    @Test func `a SOCKS4 request truncated at every byte ends as well`() throws {
        let whole: [UInt8] = [4, 1, 0, 80, 0, 0, 0, 1] + Array("me\0localhost\0".utf8)
        try withGateway { gateway in
            let baseline = gateway.figures.descriptors
            for length in 0..<whole.count {
                let client = try SOCKSClient(gateway.address)
                try client.socket.send(whole[..<length])
                client.socket.shutdownWriting()
                #expect(client.socket.isClosedByPeer(), "open after \(length) bytes")
            }
            #expect(eventually { gateway.figures.descriptors <= baseline + 2 })
        }
    }

    @Test func `a silent client meets the handshake's deadline`() throws {
        try withGateway(.socks(metadata: ["readTimeout: 2s"])) { gateway in
            let silent = try SOCKSClient(gateway.address)
            let greeted = try SOCKSClient(gateway.address)
            #expect(try greeted.greet([0]) == 0)
            #expect(silent.socket.isClosedByPeer(within: 8))
            #expect(greeted.socket.isClosedByPeer(within: 8))
        }
    }

    @Test func `dripping bytes do not extend the deadline`() throws {
        try withGateway(.socks(metadata: ["readTimeout: 2s"])) { gateway in
            let client = try SOCKSClient(gateway.address)
            let request =
                [5, 1, 0] + SOCKSTarget.name(String(repeating: "a", count: 200), 80).bytes
            let start = Deadline.now
            var wasCut = false
            for byte in [5, 1, 0] + request {
                guard (try? client.socket.send([byte])) != nil else {
                    wasCut = true
                    break
                }
                pause(milliseconds: 150)
                if Deadline.now - start > 12 { break }
            }
            #expect(wasCut, "still open after \(Deadline.now - start) s")
        }
    }

    @Test func `a deadline of the handshake does not touch what runs`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(metadata: ["readTimeout: 1s"])) { gateway in
            let client = try SOCKSClient(gateway.address, user: nil)
            #expect(try client.request(.connect, origin.address).code == 0)
            #expect(client.socket.isQuiet(for: 2.5))
            try client.socket.send([9])
            #expect(try client.socket.receive(exactly: 1) == [9])
        }
    }

    @Test func `garbage of all kinds is answered with the end`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway { gateway in
            let baseline = gateway.figures.descriptors
            var generator = SystemRandomNumberGenerator()
            for round in 0..<200 {
                let client = try SOCKSClient(gateway.address)
                let count = Int.random(in: 1...600)
                var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                // Half of them begin well.
                if round % 2 == 0 { bytes = [5, 1, 0, 5] + bytes }
                if round % 10 == 1 { bytes = [4] + bytes }
                _ = try? client.socket.send(bytes)
                client.socket.shutdownWriting()
                #expect(client.socket.isClosedByPeer(within: 20), "open after \(bytes)")
            }
            #expect(eventually { gateway.figures.descriptors <= baseline + 4 })
            let client = try SOCKSClient(gateway.address, user: nil)
            #expect(try client.request(.connect, origin.address).code == 0)
        }
    }
}

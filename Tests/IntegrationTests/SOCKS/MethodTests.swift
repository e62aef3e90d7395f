import Testing

/// What a client offers and what it must be told, with and without an auther.
struct MethodVector: CustomTestStringConvertible, Sendable {
    let name: String
    let isClosed: Bool
    let offered: [UInt8]
    let chosen: UInt8
    var testDescription: String { name }

    static let all = [
        MethodVector(name: "open, none", isClosed: false, offered: [0], chosen: 0),
        MethodVector(name: "open, none and password", isClosed: false, offered: [0, 2], chosen: 0),
        MethodVector(name: "open, password and none", isClosed: false, offered: [2, 0], chosen: 0),
        MethodVector(name: "open, only password", isClosed: false, offered: [2], chosen: 0xff),
        MethodVector(name: "open, only GSSAPI", isClosed: false, offered: [1], chosen: 0xff),
        MethodVector(name: "open, nothing", isClosed: false, offered: [], chosen: 0xff),
        MethodVector(
            name: "open, 255 methods, the last is none", isClosed: false,
            offered: [UInt8](repeating: 0x7f, count: 254) + [0], chosen: 0),
        MethodVector(name: "closed, password", isClosed: true, offered: [2], chosen: 2),
        MethodVector(
            name: "closed, none and password", isClosed: true, offered: [0, 2], chosen: 2),
        MethodVector(name: "closed, only none", isClosed: true, offered: [0], chosen: 0xff),
        MethodVector(name: "closed, only GSSAPI", isClosed: true, offered: [1], chosen: 0xff),
        MethodVector(
            name: "closed, what gost's client offers", isClosed: true,
            offered: [0, 2, 0x80, 0x82], chosen: 2),
    ]
}

@Suite("SOCKS5 method selection, RFC 1928 §3", .ownThread)
struct MethodTests {
    @Test(arguments: MethodVector.all)
    func `a method is chosen from those offered, or the connection ends`(
        vector: MethodVector
    ) throws {
        try withGateway(.socks(isClosed: vector.isClosed)) { gateway in
            let client = try SOCKSClient(gateway.address)
            #expect(try client.greet(vector.offered) == vector.chosen)
            if vector.chosen == 0xff {
                #expect(client.socket.isClosedByPeer(), "RFC 1928 §3: FF ends the connection")
            } else {
                #expect(client.socket.isQuiet(for: 0.1))
            }
        }
    }

    @Test func `a wrong version is answered with nothing but the end`() throws {
        try withGateway { gateway in
            for version: UInt8 in [0, 1, 3, 6, 0x16, 0x47, 0xff] {
                let client = try SOCKSClient(gateway.address)
                try client.socket.send([version, 1, 0])
                client.socket.setTimeout(seconds: 5)
                let answer = try client.socket.receiveToEnd(orReset: true)
                #expect(answer.isEmpty, "version \(version) was answered \(answer)")
            }
        }
    }
}

@Suite("SOCKS5 user and password, RFC 1929", .ownThread)
struct LoginTests {
    @Test func `the right password is let in`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address)
            #expect(try client.greet([2]) == 2)
            #expect(try client.login("alice", "pw-of-alice") == 0)
            #expect(try client.request(.connect, origin.address).code == 0)
            client.socket.shutdownWriting()
            #expect(try client.socket.receiveToEnd().isEmpty)
            #expect(try gateway.onlyRecord().user == "alice")
        }
    }

    @Test(arguments: [
        ("alice", "wrong"), ("alice", ""), ("alice", "pw-of-bob"), ("alice", "pw-of-alicE"),
        ("alice", "pw-of-alice\0"), ("ALICE", "pw-of-alice"), ("", ""), ("mallory", "pw-of-alice"),
    ])
    func `anything else is told so and ends the connection`(
        user: String, password: String
    ) throws {
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address)
            #expect(try client.greet([2]) == 2)
            #expect(try client.login(user, password) != 0)
            #expect(client.socket.isClosedByPeer(), "RFC 1929 §2: the server must close")
        }
    }

    @Test func `a request sent behind a wrong password is never carried out`() throws {
        let origin = try TCPOrigin.echo()
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address)
            let login: [UInt8] = [1, 5] + Array("alice".utf8) + [3] + Array("bad".utf8)
            try client.socket.send([5, 1, 2] + login + [5, 1, 0] + origin.address.socks5)
            let answer = try client.socket.receiveToEnd(orReset: true)
            #expect(answer.count == 4, "method and status, no reply: \(answer)")
            #expect(answer.prefix(3) == [5, 2, 1] && answer.last != 0)
            #expect(origin.connections.isEmpty)
        }
    }

    @Test func `names and passwords of 255 bytes are whole`() throws {
        let user = String(repeating: "u", count: 255)
        let password = "pw-of-" + String(repeating: "p", count: 249)
        var text = GatewayText.socks(isClosed: true)
        text.users.append((user, password))
        try withGateway(text) { gateway in
            let client = try SOCKSClient(gateway.address)
            #expect(try client.greet([2]) == 2)
            #expect(try client.login(user, password) == 0)
            let other = try SOCKSClient(gateway.address)
            #expect(try other.greet([2]) == 2)
            #expect(try other.login(user, String(password.dropLast())) != 0)
        }
    }

    @Test func `a login message of another version is refused`() throws {
        try withGateway(.socks(isClosed: true)) { gateway in
            let client = try SOCKSClient(gateway.address)
            #expect(try client.greet([2]) == 2)
            try client.socket.send(
                [5, 5] + Array("alice".utf8) + [11] + Array("pw-of-alice".utf8))
            let answer = try client.socket.receiveToEnd(orReset: true)
            #expect(answer.isEmpty || answer.last != 0, "\(answer)")
        }
    }

    @Test func `failed logins slow down, and nobody else does`() throws {
        try withGateway(.socks(isClosed: true)) { gateway in
            func seconds(_ user: String, _ password: String, from ip: String) throws -> Double {
                let client = try SOCKSClient(gateway.address, from: Address(ip, 0))
                client.socket.setTimeout(seconds: 60)
                let start = Deadline.now
                _ = try client.greet([2])
                _ = try? client.login(user, password)
                return Deadline.now - start
            }
            let first = try seconds("alice", "wrong", from: "127.0.0.1")
            var last = first
            for _ in 0..<9 where last < first + 0.4 {
                last = try seconds("alice", "wrong", from: "127.0.0.1")
            }
            #expect(last >= first + 0.2, "first \(first) s, last \(last) s")
            let other = try seconds("bob", "pw-of-bob", from: "127.0.0.2")
            #expect(other < last, "bob, elsewhere, waited \(other) s")
        }
    }
}

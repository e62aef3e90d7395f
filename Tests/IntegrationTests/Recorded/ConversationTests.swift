import Foundation
import Glibc
import Testing

/// What gost's clients and servers said to each other, said to Weir in the place of either.
///
/// The recordings have fixed ports in their bytes, so each test has a network of its own.
@Suite(
    "Recorded conversations", .ownThread,
    .enabled(if: Tools.hasNamespaces, "namespaces need privilege"))
struct ConversationTests {
    static let all = ["socks5", "http", "proxy-protocol"].flatMap(Conversation.read)
    static let served = all.filter { $0.server != nil }
    static let asked = all.filter { $0.client != nil && !$0.application.isEmpty }

    @Test func `there are recordings, and every difference has its reason`() {
        #expect(Self.served.count > 60)
        #expect(Self.asked.count > 12)
        for conversation in Self.all {
            for turn in conversation.turns where turn.instead != nil {
                #expect(!turn.reason.isEmpty, "\(conversation.name)")
            }
        }
    }

    @Test(arguments: served)
    func `a gost client is answered as gost answers it`(conversation: Conversation) throws {
        let configuration = try #require(conversation.server)
        try withNetwork(configuration, port: 21600) {
            let socket = try Socket.connect(to: .local(21600), seconds: 5)
            try Talk(socket, as: .client, conversation).run()
        }
    }

    @Test(arguments: asked)
    func `a gost server is asked as gost asks it`(conversation: Conversation) throws {
        let configuration = try #require(conversation.client)
        let server = try withNetwork(configuration, port: 21001) {
            let server = try TCPOrigin(on: .local(21500)) { connection in
                try Talk(connection.socket, as: .server, conversation).run()
            }
            let application = Conversation(
                name: conversation.name, turns: conversation.application)
            if conversation.usesDatagrams {
                try exchangeDatagrams(application)
            } else {
                let socket = try Socket.connect(to: .local(21001), seconds: 5)
                try Talk(socket, as: .client, application).run()
                socket.close()
            }
            let hasEnded = eventually { server.connections.first?.isEnded ?? false }
            #expect(hasEnded, "the conversation with the server goes on")
            return server
        }
        #expect(server.connections.count == 1)
    }

    /// Runs `body` in a network of its own with the targets that the recordings had, and a gateway.
    private func withNetwork<Result>(
        _ configuration: String, port: UInt16, _ body: () throws -> Result
    ) throws -> Result {
        let folder = try TemporaryFolder()
        try Namespaces.enterNetwork(folder)
        let echoes = try [Address("127.0.0.1", 21081), Address("::1", 21081)].map {
            try TCPOrigin.echo(on: $0)
        }
        let datagrams = try [
            Address("127.0.0.1", 21082), Address("127.0.0.1", 21085), Address("::1", 21082),
        ].map { try UDPOrigin(on: $0) }
        let banner = try TCPOrigin(on: .local(21083)) { connection in
            try connection.send(Array("220 banner\r\n".utf8))
            while try !connection.receive().isEmpty {}
        }
        let web = try TCPOrigin(on: .local(21084), behaviour: Self.sayHello)
        defer {
            (echoes + [banner, web]).forEach { $0.stop() }
            datagrams.forEach { $0.stop() }
        }
        var text = GatewayText(services: [
            GatewayText.Service(
                address: "127.0.0.1:\(port)",
                listener: configuration.contains(#""type":"udp""#) && port == 21001
                    ? "udp" : "tcp")
        ])
        text.literal = configuration
        var result: Result?
        try withGateway(text, folder: folder) { _ in result = try body() }
        return try #require(result)
    }

    /// An origin that keeps its connections, as the recorded one did.
    private static func sayHello(_ connection: TCPOrigin.Connection) throws {
        var request: [UInt8] = []
        while true {
            let bytes = try connection.receive()
            if bytes.isEmpty { return }
            request += bytes
            guard String(decoding: request, as: UTF8.self).hasSuffix("\r\n\r\n") else { continue }
            request = []
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\n"
            try connection.send(Array((head + "hello").utf8))
        }
    }

    private func exchangeDatagrams(_ conversation: Conversation) throws {
        let socket = try Socket.datagram()
        for turn in conversation.turns {
            for datagram in turn.said.parts {
                switch turn.side {
                case .client: try socket.send(datagram, to: .local(21001))
                case .server:
                    let heard = try socket.receiveDatagram()
                    #expect(heard.bytes == datagram)
                }
            }
        }
    }
}

/// One side of a recorded conversation, with Weir as the other.
private struct Talk {
    let socket: Socket
    let side: Conversation.Side
    let conversation: Conversation

    init(_ socket: Socket, as side: Conversation.Side, _ conversation: Conversation) {
        self.socket = socket
        self.side = side
        self.conversation = conversation
    }

    /// Says what this side said and expects what the other is to say, up to the end of either.
    func run() throws {
        for turn in conversation.turns {
            if turn.side == side {
                try say(turn.said)
            } else {
                try hear(turn)
                if turn.expected.ends { return }
            }
        }
    }

    private func say(_ speech: Speech) throws {
        for (index, part) in speech.parts.enumerated() {
            // Apart, as they were recorded. Who has heard enough may be gone before the rest.
            if index > 0 { pause(milliseconds: 20) }
            do {
                try socket.send(part)
            } catch let failure as SocketFailure where failure.isReset && index > 0 {
                return
            }
        }
        if speech.ends { socket.shutdownWriting() }
    }

    private func hear(_ turn: Conversation.Turn) throws {
        let expected = turn.expected
        var heard: [UInt8] = []
        var hasEnded = false
        while heard.count < expected.bytes.count || (expected.ends && !hasEnded) {
            do {
                let bytes = try socket.receive()
                hasEnded = bytes.isEmpty
                heard += bytes
            } catch let failure as SocketFailure where failure.isReset {
                hasEnded = true
            } catch let failure as SocketFailure where failure.isTimeout {
                break
            }
            if hasEnded { break }
        }
        let isRight = expected.matches(heard) && hasEnded == expected.ends
        var said = Speech()
        (said.bytes, said.ends) = (heard, hasEnded)
        #expect(isRight, "\(conversation.name): expected \(expected), heard \(said)")
        if !isRight { throw HarnessFailure("\(conversation.name) went another way") }
    }
}

import Bytes
import Codecs
import LinuxIO
import Loop
import Model
import PluginKit
import Routing

/// One client of a SOCKS service, from its first byte to its hand-over: RFC 1928, RFC 1929,
/// SOCKS4 and 4a.
///
/// A handshake has one deadline as a whole; dripping bytes do not extend it. Bytes that the client
/// sends behind its request are kept.
struct SOCKSServer {
    let desk: ServiceDesk
    let socks: SOCKSSettings
    let socket: StreamSocket

    /// Which protocol the first byte announced; replies differ.
    enum Version {
        case four
        case five
    }

    /// Serves the client. The stream is handed over or closed when this returns.
    func serve() async {
        do throws(StreamFault) {
            if socket.unread.isEmpty { try await socket.fill() }
            switch socket.unread.first {
            case SOCKS5.version: try await serveVersion5()
            case SOCKS4.version: try await serveVersion4()
            default:
                // Most often an HTTP client that was given the wrong scheme.
                log(.info, "handshake failed", "the first byte is no SOCKS version")
                socket.close()
            }
        } catch {
            give(up: error.reason)
        }
    }

    // MARK: SOCKS5

    private func serveVersion5() async throws(StreamFault) {
        guard let user = try await logIn() else { return }
        switch try await socket.read(SOCKS5.Request.decode) {
        case .value(let request):
            switch request.command {
            case .connect:
                await connect(request.destination, user: user.name, .five)
            case .bind where socks.servesBind:
                await BindServer(server: self, user: user.name, version: .five)
                    .serve(request.destination)
            case .associate where socks.servesDatagrams:
                await AssociationServer(server: self, user: user.name)
                    .serve(request.destination)
            case .udpOverTCP where socks.servesDatagrams:
                await FramedAssociationServer(server: self, user: user.name)
                    .serve(request.destination)
            default:
                await refuse(
                    .commandNotSupported, "command \(request.command.rawValue) is not served",
                    user: user.name, request.destination)
            }
        case .fault(let fault):
            guard let reply = fault.reply else { return give(up: "\(fault)") }
            await refuse(reply, "\(fault)", user: user.name, nil)
        }
    }

    /// Method and credentials. Nil when the client was told no and the stream is closed.
    private func logIn() async throws(StreamFault) -> (name: String?, Void)? {
        guard case .value(let greeting) = try await socket.read(SOCKS5.Greeting.decode) else {
            give(up: "malformed greeting")
            return nil
        }
        let mustLogIn = desk.settings.gate.requiresLogin(socket.peer)
        let method: SOCKS5.Method = mustLogIn ? .password : .open
        guard greeting.offers(method) else {
            try await write(capacity: 2) { SOCKS5.Method.noneAcceptable.encodeReply(into: &$0) }
            log(.info, "login refused", "the client offers no method that is accepted here")
            await socket.farewell()
            return nil
        }
        try await write(capacity: 2) { method.encodeReply(into: &$0) }
        if !mustLogIn { return (nil, ()) }
        guard case .value(let login) = try await socket.read(SOCKS5.Credentials.decode) else {
            try await write(capacity: 2) {
                SOCKS5.Credentials.encodeReply(accepted: false, into: &$0)
            }
            log(.info, "login refused", "malformed credentials")
            await socket.farewell()
            return nil
        }
        let user = await desk.settings.gate.login(
            username: login.username, password: login.password, client: socket.peer,
            station: desk.station)
        try await write(capacity: 2) {
            SOCKS5.Credentials.encodeReply(accepted: user != nil, into: &$0)
        }
        guard let user else {
            log(.info, "login refused", "wrong user or password", user: login.username)
            await socket.farewell()
            return nil
        }
        return (user, ())
    }

    // MARK: SOCKS4

    private func serveVersion4() async throws(StreamFault) {
        let request: SOCKS4.Request
        switch try await socket.read(SOCKS4.Request.decode) {
        case .value(let value): request = value
        case .fault(let fault): return await refuse4("\(fault)", nil)
        }
        // SOCKS4 has no password, so it cannot pass where one is asked for.
        if desk.settings.gate.requiresLogin(socket.peer) {
            return await refuse4("SOCKS4 cannot log in", request.destination)
        }
        switch request.command {
        case SOCKS4.Request.connect:
            await connect(request.destination, user: nil, .four)
        case SOCKS4.Request.bind where socks.servesBind:
            await BindServer(server: self, user: nil, version: .four).serve(request.destination)
        default:
            await refuse4("command \(request.command) is not served", request.destination)
        }
    }

    private func refuse4(_ reason: String, _ destination: Destination?) async {
        log(.info, "request refused", reason, destination: destination)
        guard await say(.generalFailure, bound: Endpoint(.anyV4, 0), .four) else { return }
        await socket.farewell()
    }

    // MARK: CONNECT

    private func connect(_ destination: Destination, user: String?, _ version: Version) async {
        // From here the dial has its own deadline; the client may wait for it.
        socket.clearDeadline()
        let upstream: Upstream
        do throws(DialFault) {
            upstream = try await desk.dial(destination, user: user, client: socket)
        } catch {
            return await fail(error, user: user, destination, version)
        }
        do throws(Errno) {
            let listener = try socket.localEndpoint()
            let local = try upstream.socket.localEndpoint()
            guard await say(.succeeded, bound: local, version) else {
                return upstream.socket.reset()
            }
            desk.relay(
                socket, upstream, user: user, host: destination.name, listener: listener,
                upstreamLocal: local)
        } catch {
            log(.info, "connect failed", error.description, user: user, destination: destination)
            socket.reset()
            upstream.socket.reset()
        }
    }

    /// Tells the client that its destination cannot be reached, and closes.
    func fail(
        _ fault: DialFault, user: String?, _ destination: Destination, _ version: Version
    ) async {
        if fault == .cut { return socket.reset() }
        log(.info, "connect failed", fault.reason, user: user, destination: destination)
        guard await say(fault.reply, bound: Endpoint(.anyV4, 0), version) else { return }
        await socket.farewell()
    }

    // MARK: Words

    /// Answers a request; false when the client is gone, and then the stream is closed.
    func say(_ code: SOCKS5.Reply.Code, bound: Endpoint, _ version: Version) async -> Bool {
        socket.setDeadline(
            nanoseconds: desk.station.loop.nowNanoseconds + desk.settings.handshakeNanoseconds)
        do throws(StreamFault) {
            switch version {
            case .five:
                try await write(capacity: SOCKS5.Reply.maximumByteCount) {
                    SOCKS5.Reply.encode(code, bound: bound, into: &$0)
                }
            case .four:
                let answer: SOCKS4.ReplyCode = code == .succeeded ? .granted : .rejected
                try await write(capacity: SOCKS4.replyByteCount) {
                    SOCKS4.encodeReply(answer, bound: bound, into: &$0)
                }
            }
            return true
        } catch {
            give(up: error.reason)
            return false
        }
    }

    /// Answers a SOCKS5 request with a failure and closes.
    func refuse(
        _ code: SOCKS5.Reply.Code, _ reason: String, user: String?, _ destination: Destination?
    ) async {
        log(.info, "request refused", reason, user: user, destination: destination)
        guard await say(code, bound: Endpoint(.anyV4, 0), .five) else { return }
        await socket.farewell()
    }

    private func write(
        capacity: Int, _ body: (inout ByteWriter) -> Void
    ) async throws(StreamFault) {
        try await socket.write([UInt8](capacity: capacity, writing: body))
    }

    private func give(up reason: String) {
        log(.debug, "handshake failed", reason)
        socket.close()
    }

    func log(
        _ level: LogLevel, _ event: String, _ reason: String, user: String? = nil,
        destination: Destination? = nil
    ) {
        desk.logFailure(
            level, event, client: socket.peer, user: user, destination: destination,
            reason: reason)
    }
}

extension StreamFault {
    /// What a log line says.
    var reason: String {
        switch self {
        case .ended: "the client closed"
        case .timedOut: "the handshake took too long"
        case .failed(let error): error.description
        case .cut: "the gateway stops"
        }
    }
}

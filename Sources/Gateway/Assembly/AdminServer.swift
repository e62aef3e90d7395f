import Inbound
import LinuxIO
import Loop
import Model
import PluginKit

/// Answers questions on a Unix socket in the state directory (mode 0600): one JSON object in a
/// line asks, one in a line answers.
///
/// - `{"command":"settle"}`: waits until every count is stored; `{"settled":true}`.
/// - `{"command":"flows"}`: `{"flows":[interval records of open flows]}`.
/// - `{"command":"drops"}`: `{"drops":[{"guid":…,"flows":…,"packets":…}]}`.
///
/// ## Concurrency
/// Confined to the control loop.
final class AdminServer: ReadinessHandler, TimerHandler {
    private unowned let gateway: Gateway
    private let home: EventLoop
    private let journal: Journal
    private let descriptor: Descriptor
    private let path: String
    private var registration = Registration.none
    private var clients: [ObjectIdentifier: StreamSocket] = [:]
    private var isClosed = false

    init(gateway: Gateway, home: EventLoop, path: String, journal: Journal) throws(Errno) {
        self.gateway = gateway
        self.home = home
        self.journal = journal
        self.path = path
        descriptor = try home.driver.listen(atPath: path)
    }

    func start() throws(Errno) {
        registration = try home.register(descriptor, self, tag: 0)
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        for client in clients.values { client.cut() }
        home.close(descriptor, registration)
        // The next start replaces the file as well; without it a command says sooner that nobody
        // is there.
        try? Directory.removeFile(path: path)
    }

    func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        while !isClosed {
            let (client, peer): (Descriptor, Endpoint)
            switch home.driver.accept(descriptor) {
            case .connection(let connection, let address): (client, peer) = (connection, address)
            case .lost: continue
            case .wouldBlock: return
            case .exhausted:
                _ = home.arm(
                    afterNanoseconds: UInt64(Limits.acceptPauseMilliseconds) * 1_000_000, self)
                return
            }
            guard clients.count < Limits.adminClients,
                let socket = try? StreamSocket(client, peer: peer, loop: home)
            else {
                // The operator's tool sees the end of the stream and says that nobody answered.
                home.driver.close(client)
                continue
            }
            clients[ObjectIdentifier(socket)] = socket
            home.start { [self] in
                await serve(socket)
                clients[ObjectIdentifier(socket)] = nil
            }
        }
    }

    func timerFired(tag: UInt8) { descriptorReady(.readable, tag: 0) }

    private func serve(_ socket: StreamSocket) async {
        socket.setDeadline(
            nanoseconds: home.nowNanoseconds + UInt64(Limits.adminMilliseconds) * 1_000_000)
        do throws(StreamFault) {
            while let line = try await readLine(socket) {
                try await socket.write(await answer(line) + [UInt8(ascii: "\n")])
            }
        } catch {
            if error != .ended {
                journal(.debug, "an admin connection failed", [("error", "\(error)")])
            }
        }
        socket.close()
    }

    /// One line without its end; nil when it is longer than a request may be.
    private func readLine(_ socket: StreamSocket) async throws(StreamFault) -> String? {
        while true {
            if let end = socket.unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: socket.unread[..<end], as: UTF8.self)
                socket.consume(end + 1)
                return line
            }
            if socket.unread.count >= Limits.handshakeBytes { return nil }
            try await socket.fill()
        }
    }

    private func answer(_ line: String) async -> [UInt8] {
        var json = JSONText()
        json.beginObject()
        switch Self.command(in: line) {
        case "settle":
            let isSettled = await gateway.settle(withinNanoseconds: 10_000_000_000)
            json.key("settled")
            json.value(isSettled)
        case "flows":
            json.key("flows")
            json.beginList()
            for record in await gateway.openFlows() { record.write(to: &json) }
            json.endList()
        case "drops":
            json.key("drops")
            json.beginList()
            for drop in gateway.drops {
                json.beginObject()
                json.field("guid", drop.guid)
                json.field("flows", drop.flows)
                json.field("packets", drop.packets)
                json.endObject()
            }
            json.endList()
        default:
            json.field("error", "unknown command; there are settle, flows and drops")
        }
        json.endObject()
        return json.bytes
    }

    /// The command of `{"command":"NAME"}`, spaces allowed; nil for anything else.
    private static func command(in line: String) -> String? {
        let packed = line.filter { !$0.isWhitespace }
        let (head, tail) = ("{\"command\":\"", "\"}")
        guard packed.hasPrefix(head), packed.hasSuffix(tail),
            packed.utf8.count >= head.utf8.count + tail.utf8.count
        else { return nil }
        return String(packed.dropFirst(head.count).dropLast(tail.count))
    }
}

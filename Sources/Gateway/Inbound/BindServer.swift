import Codecs
import LinuxIO
import Loop
import Model
import PluginKit
import Routing

/// BIND: waits for one connection from the destination and relays it (RFC 1928 §4, SOCKS4).
///
/// The listening socket is on the address that the client reached us by, for as long as the dial
/// may take, and accepts from the address that the client named only.
struct BindServer {
    let server: SOCKSServer
    let user: String?
    let version: SOCKSServer.Version

    func serve(_ destination: Destination) async {
        let (desk, socket) = (server.desk, server.socket)
        if let refusal = await desk.refusal(
            user: user, transport: .tcp, client: socket.peer, destination: destination)
        {
            return await server.fail(.denied(refusal), user: user, destination, version)
        }
        do throws(DialFault) {
            let deadline = desk.station.loop.nowNanoseconds + desk.settings.dialNanoseconds
            let expected = try await expectedPeers(destination, deadline)
            let bound = try await accept(from: expected, destination, deadline)
            guard let (listener, upstream, local) = bound else { return }
            guard await server.say(.succeeded, bound: upstream.peer, version) else {
                return upstream.reset()
            }
            desk.relay(
                socket, Upstream(upstream, to: upstream.peer), user: user, host: destination.name,
                listener: listener,
                upstreamLocal: local)
        } catch {
            await server.fail(error, user: user, destination, version)
        }
    }

    /// The addresses that may connect; empty is anybody, when the client named none.
    private func expectedPeers(
        _ destination: Destination, _ deadline: UInt64
    ) async throws(DialFault) -> [IPAddress] {
        if case .address(let address) = destination.host, address.isUnspecified { return [] }
        // Port 0 says "any port", which is no port to dial; the policy looks at the address.
        let asked = Destination(host: destination.host, port: max(1, destination.port))
        return try await server.desk.dialer.endpoints(
            of: asked, client: server.socket.peer, deadlineNanoseconds: deadline
        ).map(\.address)
    }

    /// Listens, tells the client where, and waits. Nil when the client is gone meanwhile.
    private func accept(
        from expected: [IPAddress], _ destination: Destination, _ deadline: UInt64
    ) async throws(DialFault) -> (Endpoint, StreamSocket, Endpoint)? {
        let (desk, socket) = (server.desk, server.socket)
        let loop = desk.station.loop
        do throws(Errno) {
            let listener = try socket.localEndpoint()
            let waiting = try SingleAccept(loop: loop, address: listener.address)
            desk.station.track(waiting)
            desk.passing.occupy(waiting.endpoint)
            defer {
                desk.passing.vacate(waiting.endpoint)
                desk.station.untrack(waiting)
                waiting.close()
            }
            let told = Endpoint(
                server.socks.publicAddress ?? listener.address, waiting.endpoint.port)
            guard await server.say(.succeeded, bound: told, version) else { return nil }
            socket.clearDeadline()
            guard let upstream = await waiting.next(from: expected, deadlineNanoseconds: deadline)
            else {
                let fault: DialFault = waiting.isCut ? .cut : .timedOut
                await server.fail(fault, user: user, destination, version)
                return nil
            }
            return (listener, upstream, try upstream.localEndpoint())
        } catch {
            throw .failed(error)
        }
    }
}

/// A listening socket that wants one connection.
///
/// ## Concurrency
/// Confined to its loop; one task waits.
private final class SingleAccept: ReadinessHandler, TimerHandler, Cuttable {
    let endpoint: Endpoint
    private let loop: EventLoop
    private let descriptor: Descriptor
    private var registration = Registration.none
    private var waiter: UnsafeContinuation<Void, Never>?
    private var timer = TimerToken.none
    private var isReady = false
    private var isLate = false
    private(set) var isCut = false

    init(loop: EventLoop, address: IPAddress) throws(Errno) {
        self.loop = loop
        descriptor = try loop.driver.listen(
            at: Endpoint(address, 0), options: ListenOptions(backlog: 1))
        do throws(Errno) {
            endpoint = try loop.driver.localEndpoint(descriptor)
            registration = try loop.register(descriptor, self, tag: 0)
        } catch {
            loop.driver.close(descriptor)
            throw error
        }
    }

    /// The first connection from an expected address (any, where none is); nil when it is too late.
    func next(from expected: [IPAddress], deadlineNanoseconds: UInt64) async -> StreamSocket? {
        timer = loop.arm(atNanoseconds: deadlineNanoseconds, self)
        defer { loop.cancel(timer) }
        while !isLate {
            switch loop.driver.accept(descriptor) {
            case .connection(let connection, let peer):
                guard expected.isEmpty || expected.contains(peer.address) else {
                    loop.driver.close(connection)
                    continue
                }
                if let socket = try? StreamSocket(connection, peer: peer, loop: loop) {
                    return socket
                }
                return nil
            case .lost:
                continue
            case .wouldBlock:
                isReady = false
            case .exhausted:
                return nil
            }
            if !isReady && !isLate { await withUnsafeContinuation { waiter = $0 } }
        }
        return nil
    }

    func close() { loop.close(descriptor, registration) }

    func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        isReady = true
        wake()
    }

    func timerFired(tag: UInt8) {
        isLate = true
        wake()
    }

    func cut() {
        isCut = true
        isLate = true
        wake()
    }

    private func wake() {
        waiter?.resume()
        waiter = nil
    }
}

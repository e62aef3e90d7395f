package import LinuxIO
package import Loop
package import Model
package import PluginKit

/// An HTTP server of the control plane: one address, one site.
///
/// Connections are bounded: when there are as many as there may be, the one that has waited longest
/// for a request goes; when none waits, the new one does.
///
/// ## Concurrency
/// Confined to its loop, the gateway's control loop.
package final class HTTPServer: ReadinessHandler, TimerHandler {
    let loop: EventLoop
    /// What is answered from the next request on.
    package var site: HTTPSite
    let log: (LogLevel, String, [(name: String, value: String)]) -> Void
    private let descriptor: Descriptor
    private var registration = Registration.none
    private var connections: [ObjectIdentifier: HTTPConnection] = [:]
    private var timer = TimerToken.none
    private var isClosed = false
    /// Where it listens; nil on a Unix socket.
    package let endpoint: Endpoint?
    /// Whether it takes no more requests.
    private(set) var isDraining = false

    /// Listens at an endpoint.
    package init(
        _ site: HTTPSite, at endpoint: Endpoint, loop: EventLoop,
        log: @escaping (LogLevel, String, [(name: String, value: String)]) -> Void
    ) throws(Errno) {
        self.loop = loop
        self.site = site
        self.log = log
        descriptor = try loop.driver.listen(at: endpoint, options: ListenOptions())
        do throws(Errno) {
            self.endpoint = try loop.driver.localEndpoint(descriptor)
        } catch {
            loop.driver.close(descriptor)
            throw error
        }
        try start()
    }

    /// Listens on a Unix socket with mode 0600.
    package init(
        _ site: HTTPSite, atPath path: String, loop: EventLoop,
        log: @escaping (LogLevel, String, [(name: String, value: String)]) -> Void
    ) throws(Errno) {
        self.loop = loop
        self.site = site
        self.log = log
        endpoint = nil
        descriptor = try loop.driver.listen(atPath: path)
        try start()
    }

    private func start() throws(Errno) {
        do throws(Errno) {
            registration = try loop.register(descriptor, self, tag: 0)
        } catch {
            stopAccepting()
            throw error
        }
    }

    /// Open connections.
    package var connectionCount: Int { connections.count }

    // MARK: Accepting

    package func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        while !isClosed {
            switch loop.driver.accept(descriptor) {
            case .connection(let connection, let peer): begin(connection, peer)
            case .lost: continue
            case .wouldBlock: return
            case .exhausted:
                timer = loop.arm(
                    afterNanoseconds: UInt64(Limits.acceptPauseMilliseconds) * 1_000_000, self)
                return
            }
        }
    }

    package func timerFired(tag: UInt8) { descriptorReady(.readable, tag: 0) }

    private func begin(_ descriptor: Descriptor, _ peer: Endpoint) {
        if connections.count >= Limits.httpConnections { cutLongestIdle() }
        guard connections.count < Limits.httpConnections,
            let socket = try? StreamSocket(descriptor, peer: peer, loop: loop)
        else {
            // The client sees the end of its connection; it may try again.
            loop.driver.close(descriptor)
            log(.warn, "an HTTP connection was refused: there are too many", [("site", site.name)])
            return
        }
        let connection = HTTPConnection(socket, server: self)
        let id = ObjectIdentifier(connection)
        connections[id] = connection
        loop.start { [self] in
            await connection.serve()
            connections[id] = nil
        }
    }

    private func cutLongestIdle() {
        let idle = connections.filter { $0.value.isIdle }
        guard let oldest = idle.min(by: { $0.value.since < $1.value.since }) else { return }
        oldest.value.socket.cut()
        connections[oldest.key] = nil
    }

    // MARK: Ending

    /// Closes the address. Requests that run are answered; connections that wait end.
    package func stopAccepting() {
        guard !isClosed else { return }
        isClosed = true
        isDraining = true
        loop.cancel(timer)
        loop.close(descriptor, registration)
        for connection in connections.values where connection.isIdle { connection.socket.cut() }
    }

    /// Ends everything that still runs.
    package func cut() {
        stopAccepting()
        for connection in connections.values { connection.socket.cut() }
    }
}

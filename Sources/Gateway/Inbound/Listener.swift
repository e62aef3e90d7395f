package import LinuxIO
package import Loop
package import Model
import PluginKit

/// Accepts connections of one address on one loop, so many per turn, and rests when the process
/// runs out of descriptors.
///
/// ## Concurrency
/// Confined to its loop.
package final class Listener: ReadinessHandler, TimerHandler, Resumable {
    private let station: Station
    private let descriptor: Descriptor
    private var takes: (Endpoint) -> Bool
    private var serve: (StreamSocket) async -> Void
    private var registration = Registration.none
    private var isReadable = true
    private var isResting = false
    private var isQueued = false
    private var timer = TimerToken.none
    private var isClosed = false
    /// Where it listens.
    package let endpoint: Endpoint

    /// Listens. `takes` says whether a client is talked with; a connection of another one is closed
    /// before anything of it is read. `serve` handles each connection and closes it.
    package init(
        _ station: Station, at endpoint: Endpoint, isShared: Bool,
        takes: @escaping (Endpoint) -> Bool = { _ in true },
        serve: @escaping (StreamSocket) async -> Void
    ) throws(Errno) {
        self.station = station
        self.takes = takes
        self.serve = serve
        let driver = station.loop.driver
        descriptor = try driver.listen(
            at: endpoint, options: ListenOptions(isShared: isShared))
        do throws(Errno) {
            self.endpoint = try driver.localEndpoint(descriptor)
        } catch {
            driver.close(descriptor)
            throw error
        }
    }

    /// Begins to accept. A throw has closed the address.
    package func start() throws(Errno) {
        do throws(Errno) {
            registration = try station.loop.register(descriptor, self, tag: 0)
        } catch {
            close()
            throw error
        }
    }

    /// Has the next connections served in another manner; those already accepted keep theirs.
    package func change(
        takes: @escaping (Endpoint) -> Bool, serve: @escaping (StreamSocket) async -> Void
    ) {
        self.takes = takes
        self.serve = serve
    }

    /// Stops accepting and closes the address. Connections already accepted go on.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        station.loop.cancel(timer)
        station.loop.close(descriptor, registration)
    }

    package func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        isReadable = true
        if !isResting { acceptSome() }
    }

    package func resume() {
        isQueued = false
        if !isResting && !isClosed { acceptSome() }
    }

    package func timerFired(tag: UInt8) {
        isResting = false
        if isReadable { acceptSome() }
    }

    private func acceptSome() {
        for _ in 0..<Limits.acceptsPerTurn {
            if station.handshakeCount >= Limits.handshakesPerLoop {
                return rest(because: "too many connections are in their handshake")
            }
            switch station.loop.driver.accept(descriptor) {
            case .connection(let connection, let peer):
                guard begin(connection, peer) else { return }
            case .wouldBlock:
                isReadable = false
                return
            case .lost(let error):
                station.journal(
                    .debug, "a connection was gone before it was accepted",
                    [
                        ("listener", endpoint.description), ("error", error.description),
                    ])
            case .exhausted(let error):
                return rest(because: error.description)
            }
        }
        if !isQueued {
            isQueued = true
            station.loop.resumeLater(self)
        }
    }

    /// Serves a connection; false when it cannot be watched, and then accepting rests.
    private func begin(_ connection: Descriptor, _ peer: Endpoint) -> Bool {
        guard takes(peer) else {
            station.loop.driver.close(connection)
            return true
        }
        let socket: StreamSocket
        do throws(Errno) {
            // Where we listen on one address, its connections have that address.
            let local = endpoint.address.isUnspecified ? nil : endpoint
            socket = try StreamSocket(connection, peer: peer, local: local, loop: station.loop)
        } catch {
            rest(because: error.description)
            return false
        }
        let (station, serve) = (station, serve)
        station.loop.start {
            station.beginClient(socket)
            await serve(socket)
            station.endClient(socket)
        }
        return true
    }

    private func rest(because reason: String) {
        isResting = true
        isReadable = true
        station.reportExhaustion(listener: endpoint, reason: reason)
        timer = station.loop.arm(
            afterNanoseconds: UInt64(Limits.acceptPauseMilliseconds) * 1_000_000, self)
    }
}

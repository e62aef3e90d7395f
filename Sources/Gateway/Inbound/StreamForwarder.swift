import Bytes
import Codecs
import LinuxIO
import Loop
import Model
import PluginKit
import Routing

/// Forwards a stream to one of a service's targets: the next whose turn it is, or the one after
/// when that does not answer.
struct StreamForwarder {
    let desk: ServiceDesk
    let targets: TargetList
    let socket: StreamSocket

    func serve() async {
        let driver = desk.station.loop.driver
        let order = targets.order(
            client: socket.peer, transport: .tcp, nowMilliseconds: driver.wallMilliseconds(),
            random: driver.randomWord())
        if order.isEmpty {
            desk.logFailure(
                .info, "client refused", client: socket.peer, user: nil, destination: nil,
                reason: "the rules of all targets are for others")
        }
        // The client has nothing to say to us; only the dial has a deadline.
        socket.clearDeadline()
        for target in order {
            let destination = targets.targets[target]
            do throws(DialFault) {
                let upstream = try await desk.dial(destination, user: nil, client: socket)
                targets.succeeded(target)
                if await introduce(to: upstream, destination) { hand(over: upstream, destination) }
                return
            } catch {
                if error == .cut { break }
                // A client that may not is no failure of the target.
                if !error.ofDestination.isDenial {
                    targets.failed(target, nowMilliseconds: driver.wallMilliseconds())
                }
                desk.logFailure(
                    .info, "target failed", client: socket.peer, user: nil,
                    destination: destination, reason: error.reason)
            }
        }
        socket.reset()
    }

    /// Tells the target who the client is, where it wants to know; false when one of them is gone
    /// already, and then both streams are closed.
    private func introduce(to upstream: Upstream, _ destination: Destination) async -> Bool {
        guard let version = desk.settings.introducing else { return true }
        do {
            let listener = try socket.introduction?.destination ?? socket.localEndpoint()
            let header = ProxyProtocol.Header.relayed(source: socket.peer, destination: listener)
            // The dial's deadline still runs.
            try await upstream.socket.write(
                [UInt8](capacity: ProxyProtocol.maximumByteCount) {
                    header.encode(version, into: &$0)
                })
            return true
        } catch {
            desk.logFailure(
                .info, "target failed", client: socket.peer, user: nil, destination: destination,
                reason: "the PROXY header could not be sent")
            socket.reset()
            upstream.socket.reset()
            return false
        }
    }

    private func hand(over upstream: Upstream, _ destination: Destination) {
        do throws(Errno) {
            desk.relay(
                socket, upstream, user: nil, host: destination.name,
                listener: try socket.localEndpoint(),
                upstreamLocal: try upstream.socket.localEndpoint())
        } catch {
            socket.reset()
            upstream.socket.reset()
        }
    }
}

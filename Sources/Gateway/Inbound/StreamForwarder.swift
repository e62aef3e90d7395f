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
            client: socket.peer, nowMilliseconds: driver.wallMilliseconds(),
            random: driver.randomWord())
        // The client has nothing to say to us; only the dial has a deadline.
        socket.clearDeadline()
        for target in order {
            let destination = targets.targets[target]
            do throws(DialFault) {
                let upstream = try await desk.dial(destination, user: nil, client: socket)
                targets.succeeded(target)
                hand(over: upstream, destination)
                return
            } catch {
                if error == .cut { break }
                // A client that may not is no failure of the target.
                if !error.isDenial {
                    targets.failed(target, nowMilliseconds: driver.wallMilliseconds())
                }
                desk.logFailure(
                    .info, "target failed", client: socket.peer, user: nil,
                    destination: destination, reason: error.reason)
            }
        }
        socket.reset()
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

import Codecs
import Loop
import Model
import PluginKit
import Routing

/// Reads the PROXY header in front of a client's first byte, and makes the client that it names the
/// stream's peer.
///
/// A client without a header is served as itself, as in gost; a header that is wrong closes.
struct IntroductionReader {
    let desk: ServiceDesk
    let introducers: Introducers
    let socket: StreamSocket

    /// Waits for the header. False when the stream is closed.
    func serve() async -> Bool {
        guard introducers.include(socket.neighbor) else { return true }
        socket.setDeadline(
            nanoseconds: desk.station.loop.nowNanoseconds
                + UInt64(Limits.proxyHeaderMilliseconds) * 1_000_000)
        do throws(StreamFault) {
            switch try await socket.read(ProxyProtocol.decode) {
            case .value(.relayed(let source, let destination)):
                introduce(Introduction(client: source, destination: destination))
                return true
            case .value(.own), .fault(.absent):
                return true
            case .fault(let fault):
                return close("malformed PROXY header: \(fault)")
            }
        } catch {
            return close(error == .timedOut ? "no PROXY header came in time" : error.reason)
        }
    }

    /// Another machine's loopback is not ours: clients on ours may reach what others may not.
    private func introduce(_ introduction: Introduction) {
        let isForeign =
            introduction.client.address.isLoopback && !socket.neighbor.address.isLoopback
        if isForeign {
            log("a PROXY header names a loopback address that is not ours")
        } else {
            socket.introduce(introduction)
        }
    }

    private func close(_ reason: String) -> Bool {
        log(reason)
        socket.close()
        return false
    }

    private func log(_ reason: String) {
        desk.logFailure(
            .info, "handshake failed", client: socket.neighbor, user: nil, destination: nil,
            reason: reason)
    }
}

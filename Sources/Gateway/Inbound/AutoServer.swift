import Codecs
import Loop

/// Finds out by a client's first byte what it speaks: 4 and 5 are SOCKS versions, and no method of
/// HTTP begins with either.
struct AutoServer {
    let desk: ServiceDesk
    let http: HTTPSettings
    let socks: SOCKSSettings
    let socket: StreamSocket

    func serve() async {
        do throws(StreamFault) {
            if socket.unread.isEmpty { try await socket.fill() }
        } catch {
            return socket.close()
        }
        switch socket.unread.first {
        case SOCKS5.version, SOCKS4.version:
            await SOCKSServer(desk: desk, socks: socks, socket: socket).serve()
        default:
            await desk.serve(http, socket)
        }
    }
}

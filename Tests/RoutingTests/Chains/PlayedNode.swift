import KernelTesting
import Model

/// A node that plays its part line by line: it waits for exactly these bytes, then does what the
/// line says. As one connection leads through all nodes of a chain, it plays those behind it too.
final class PlayedNode {
    /// What is done after a line's bytes have come.
    enum Action {
        case say([UInt8])
        case end
        case reset
        /// Nothing, for ever.
        case rest
    }

    /// One line of the play.
    struct Line {
        let expected: [UInt8]
        let action: Action

        init(_ expected: [UInt8], _ action: Action) {
            self.expected = expected
            self.action = action
        }

        init(_ expected: String, _ answer: String) {
            self.init(Array(expected.utf8), .say(Array(answer.utf8)))
        }
    }

    let listener: PeerListener
    /// What came that the play does not have.
    private(set) var surprises: [[UInt8]] = []
    private(set) var connectionCount = 0

    /// A node at an address, port 1080.
    init(_ simulation: Simulation, _ address: String, _ play: [Line]) throws {
        listener = try simulation.peer(address).listen(port: 1080)
        listener.onConnection = { [unowned self] stream in
            connectionCount += 1
            var rest = play[...]
            var waiting: [UInt8] = []
            stream.onReceive = { [unowned self] stream, bytes in
                waiting += bytes
                while let line = rest.first, waiting.count >= line.expected.count {
                    guard waiting.starts(with: line.expected) else {
                        surprises.append(waiting)
                        return
                    }
                    waiting.removeFirst(line.expected.count)
                    rest.removeFirst()
                    switch line.action {
                    case .say(let answer): stream.send(answer)
                    case .end: return stream.finish()
                    case .reset: return stream.reset()
                    case .rest: return
                    }
                }
                if rest.isEmpty, !waiting.isEmpty { surprises.append(waiting) }
            }
        }
    }
}

/// What connectors say and hear.
enum Speech {
    static let greeting = PlayedNode.Line([5, 1, 0], .say([5, 0]))
    static let loginGreeting = PlayedNode.Line([5, 2, 0, 2], .say([5, 2]))
    static let granted: [UInt8] = [5, 0, 0, 1, 10, 0, 0, 1, 0x30, 0x39]

    /// CONNECT of SOCKS5 to a name.
    static func connect(_ name: String, _ port: UInt16) -> [UInt8] {
        [5, 1, 0, 3, UInt8(name.utf8.count)] + name.utf8 + [UInt8(port >> 8), UInt8(port & 0xff)]
    }

    /// CONNECT of SOCKS5 to an IPv4 address.
    static func connect(_ address: [UInt8], _ port: UInt16) -> [UInt8] {
        [5, 1, 0, 1] + address + [UInt8(port >> 8), UInt8(port & 0xff)]
    }

    /// CONNECT of HTTP.
    static func tunnel(_ authority: String, _ fields: String = "") -> [UInt8] {
        Array(
            ("CONNECT \(authority) HTTP/1.1\r\nHost: \(authority)\r\n\(fields)"
                + "Proxy-Connection: keep-alive\r\n\r\n").utf8)
    }
}

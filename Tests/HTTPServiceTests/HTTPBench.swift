import Codecs
import HTTPService
import KernelTesting
import LinuxIO
import Loop
import Model
import PluginKit
import Testing

/// One HTTP server on a simulated loop, with clients on other hosts.
///
/// ## Concurrency
/// One thread: the test's.
final class HTTPBench {
    static let address = Endpoint(.loopbackV4, 18080)

    let simulation: Simulation
    private(set) var lines: [String] = []
    private var made: HTTPServer?

    init(
        _ routes: [(Route, (RouteRequest) async throws -> RouteResponse)] = [HTTPBench.echo],
        edit: (inout HTTPSite) -> Void = { _ in }
    ) throws {
        simulation = Simulation(seed: 1)
        var site = HTTPSite(name: "test")
        site.mounts = routes.map { HTTPSite.Mount($0.0, answer: $0.1) }
        edit(&site)
        let wanted = site
        simulation.onLoop { loop in
            made = try? HTTPServer(wanted, at: Self.address, loop: loop) { [unowned self] in
                lines.append("\($0) \($1) \($2.map { "\($0.name)=\($0.value)" })")
            }
        }
        _ = try server
    }

    var server: HTTPServer { get throws { try #require(made) } }

    /// Says the method, the path and the body.
    static var echo: (Route, (RouteRequest) async throws -> RouteResponse) {
        (
            Route(path: "/", bodyBytes: 1000),
            { request in
                let body = try await request.body.whole()
                return RouteResponse(
                    status: 200,
                    text:
                        "\(request.method) \(request.path) \(String(decoding: body, as: UTF8.self))"
                )
            }
        )
    }

    func client(_ address: String = "127.0.0.1") throws -> PeerStream {
        try simulation.peer(address).connect(to: Self.address)
    }

    /// What a client gets that sends this and its end.
    func ask(_ text: String, from address: String = "127.0.0.1") throws -> Answers {
        let client = try client(address)
        client.send(text)
        client.finish()
        simulation.run(milliseconds: 2000)
        return Answers(client.received)
    }
}

/// The answers on one connection, as a strict client reads them.
struct Answers {
    struct Answer {
        let head: HTTP1.ResponseHead
        let body: String
        /// Whether the body was whole.
        let isWhole: Bool

        var status: UInt16 { head.status }
    }

    private(set) var all: [Answer] = []
    private(set) var rest: [UInt8]

    init(_ bytes: [UInt8], method: HTTP1.Method = .get) {
        rest = bytes
        while case .value(let head, let count) = rest.withUnsafeBytes({
            HTTP1.ResponseHead.decode($0.bytes)
        }) {
            rest.removeFirst(count)
            var body: [UInt8] = []
            var isWhole = true
            switch head.framing(answering: method) {
            case .none: break
            case .length(let count):
                isWhole = rest.count >= Int(count)
                body = Array(rest.prefix(Int(count)))
                rest.removeFirst(body.count)
            case .untilEnd: swap(&body, &rest)
            case .chunked: (body, isWhole) = Self.readChunks(&rest)
            }
            all.append(
                Answer(head: head, body: String(decoding: body, as: UTF8.self), isWhole: isWhole))
        }
    }

    private static func readChunks(_ rest: inout [UInt8]) -> ([UInt8], Bool) {
        var (reader, offset, body) = (HTTP1.ChunkReader(.response), 0, [UInt8]())
        let bytes = rest
        while true {
            switch reader.next(bytes.span.bytes, from: &offset) {
            case .data(let range): body += bytes[range]
            case .end:
                rest.removeFirst(offset)
                return (body, true)
            case .needsMore, .fault:
                rest.removeFirst(offset)
                return (body, false)
            }
        }
    }

    var statuses: [UInt16] { all.map(\.status) }
    var bodies: [String] { all.map(\.body) }
}

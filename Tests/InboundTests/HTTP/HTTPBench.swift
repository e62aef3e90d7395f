import Inbound
import KernelTesting
import Model
import Testing

/// An HTTP proxy on a simulated loop, with an origin that does what its script says.
final class HTTPBench {
    /// What an origin does with what it has received on one connection so far.
    typealias Script = (PeerStream, _ connection: Int) -> Void

    static let originAddress = "203.0.113.70"
    static let via = "1.1 weir-00000007"

    let bench: InboundBench
    let origin: PeerListener

    init(
        _ settings: HTTPSettings = HTTPSettings(),
        service change: (inout InboundBench.Service) -> Void = { _ in },
        seed: UInt64 = 1, faults: Faults = .none, _ script: @escaping Script
    ) throws {
        var service = InboundBench.Service()
        service.handler = .http(settings)
        change(&service)
        bench = try InboundBench(service, seed: seed, faults: faults)
        bench.names.addresses["origin.example"] = [try #require(IPAddress(Self.originAddress))]
        var count = 0
        origin = try bench.simulation.peer(Self.originAddress).listen(port: 80) { stream in
            let index = count
            count += 1
            stream.onReceive = { stream, _ in script(stream, index) }
        }
    }

    /// An origin that answers every head with the same bytes.
    convenience init(
        answering text: String, _ settings: HTTPSettings = HTTPSettings(),
        authers: [String: String] = [:],
        service change: (inout InboundBench.Service) -> Void = { _ in }
    ) throws {
        let tables = authers.isEmpty ? [] : [try LoginGate.Auther.users(authers)]
        var answered: [Int: Int] = [:]
        try self.init(
            settings,
            service: {
                $0.authers = tables
                change(&$0)
            }
        ) { stream, index in
            let heads = Self.headCount(stream.received)
            while answered[index, default: 0] < heads {
                answered[index, default: 0] += 1
                stream.send(text)
            }
        }
    }

    static func headCount(_ bytes: [UInt8]) -> Int {
        String(decoding: bytes, as: UTF8.self).components(of: "\r\n\r\n") - 1
    }

    func client(from host: String = InboundBench.clientHost) throws -> PeerStream {
        try bench.client(from: host)
    }

    /// Sends text and returns what has come since.
    func exchange(_ client: PeerStream, _ text: String, milliseconds: UInt64 = 100) -> String {
        String(
            decoding: bench.exchange(client, Array(text.utf8), milliseconds: milliseconds),
            as: UTF8.self)
    }

    /// All that the origin received on one of its connections.
    func received(_ index: Int = 0) -> String {
        guard origin.connections.indices.contains(index) else { return "" }
        return String(decoding: origin.connections[index].received, as: UTF8.self)
    }

    func run(milliseconds: UInt64 = 100) { bench.simulation.run(milliseconds: milliseconds) }

    /// Ends everything and checks that nothing is left open.
    func finish(_ clients: PeerStream..., sourceLocation: SourceLocation = #_sourceLocation) {
        for client in clients { client.reset() }
        // Kept connections grow old.
        run(milliseconds: 60_000)
        bench.expectRest(sourceLocation: sourceLocation)
    }

    static func get(_ path: String = "/", _ fields: String = "") -> String {
        "GET http://origin.example\(path) HTTP/1.1\r\nHost: origin.example\r\n\(fields)\r\n"
    }
}

extension String {
    /// How many parts a separator makes of it.
    func components(of separator: String) -> Int {
        var (count, rest) = (1, Substring(self))
        while let range = rest.firstRange(of: separator) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }

    /// The first line.
    var firstLine: String { String(prefix { $0 != "\r\n" && $0 != "\r" && $0 != "\n" }) }
}

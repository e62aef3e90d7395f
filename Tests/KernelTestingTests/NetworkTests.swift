import KernelTesting
import LinuxIO
import Model
import Testing

@Suite("The simulated network between peers")
struct NetworkTests {
    private let simulation = Simulation(seed: 5, loops: 0)
    private var server: SimulatedPeer { simulation.peer("198.18.0.1") }
    private var client: SimulatedPeer { simulation.peer("198.18.0.2") }

    @Test func `bytes arrive in order and both directions end`() throws {
        let listener = try server.listen(port: 80) { stream in
            stream.onReceive = { stream, bytes in stream.send(bytes.reversed()) }
            stream.onEnd = { $0.finish() }
        }
        let stream = try client.connect(to: listener.endpoint)
        stream.send("abc")
        stream.finish()
        #expect(simulation.run { stream.hasFinished })
        #expect(stream.received == Array("cba".utf8))
        #expect(listener.connections.map(\.received) == [Array("abc".utf8)])
        #expect(listener.connections.map(\.hasFinished) == [true])
    }

    @Test func `a paused reader holds up its sender`() throws {
        let listener = try server.listen(port: 80) { $0.isPaused = true }
        let stream = try client.connect(to: listener.endpoint)
        stream.send([UInt8](repeating: 1, count: 2_000_000))
        simulation.run(milliseconds: 1000)
        let reader = try #require(listener.connections.first)
        #expect(reader.received.isEmpty)
        #expect(reader.unreadCount == simulation.kernel.bufferBytes)
        #expect(stream.unsentCount == 2_000_000 - simulation.kernel.bufferBytes)
        reader.isPaused = false
        #expect(simulation.run { reader.received.count == 2_000_000 })
        #expect(stream.unsentCount == 0)
    }

    @Test func `a slow reader takes its time`() throws {
        let listener = try server.listen(port: 80) { $0.pace = (1000, 10_000_000) }
        let stream = try client.connect(to: listener.endpoint)
        let start = simulation.kernel.nowNanoseconds
        stream.send([UInt8](repeating: 1, count: 100_000))
        #expect(simulation.run { listener.connections.first?.received.count == 100_000 })
        #expect(simulation.kernel.nowNanoseconds - start >= 990_000_000)
    }

    @Test(arguments: [
        (SimulatedKernel.Route.unreachable, "EHOSTUNREACH"), (.silent, "ETIMEDOUT"),
        (.open, "ECONNREFUSED"),
    ])
    func `a connection fails as its route says`(_ route: SimulatedKernel.Route, _ name: String)
        throws
    {
        let endpoint = Endpoint(server.address, 80)
        simulation.kernel.routes[server.address] = route
        let stream = try client.connect(to: endpoint)
        #expect(simulation.run { stream.error != nil })
        #expect(stream.error?.name == name)
        #expect(!stream.isConnected)
    }

    @Test func `without a route connecting fails at once`() {
        simulation.kernel.routes[server.address] = .missing
        #expect(throws: Errno(101, in: "connect")) {
            try client.connect(to: Endpoint(server.address, 80))
        }
    }

    @Test func `a full queue of connections lets clients wait until it is served`() throws {
        let listener = try server.listen(port: 80, backlog: 1)
        listener.isPaused = true
        let clients = try (0..<4).map { _ in try client.connect(to: listener.endpoint) }
        simulation.run(milliseconds: 500)
        #expect(clients.count { $0.isConnected } == 2)
        listener.isPaused = false
        #expect(simulation.run { clients.allSatisfy(\.isConnected) })
    }

    @Test func `a reset reaches the other side`() throws {
        let listener = try server.listen(port: 80)
        let stream = try client.connect(to: listener.endpoint)
        simulation.settle()
        listener.connections.first?.reset()
        simulation.settle()
        #expect(stream.error?.name == "ECONNRESET")
        #expect(!stream.hasEnded)
    }

    @Test func `datagrams come apart from their train, and back`() throws {
        let echo = try server.bindDatagrams(port: 53) { socket, datagram in
            try? socket.send(datagram.bytes, to: datagram.source)
        }
        let socket = try client.bindDatagrams()
        try socket.send([1, 2, 3, 4, 5], to: echo.endpoint, segmentBytes: 2)
        simulation.settle()
        #expect(echo.received.map(\.bytes) == [[1, 2], [3, 4], [5]])
        #expect(echo.received.allSatisfy { $0.source == socket.endpoint })
        #expect(socket.received.map(\.bytes) == [[1, 2], [3, 4], [5]])
    }

    @Test func `all datagrams are lost where the network loses all`() throws {
        simulation.kernel.faults.lostDatagrams = 1
        let sink = try server.bindDatagrams(port: 53)
        try client.bindDatagrams().send([1], to: sink.endpoint)
        simulation.settle()
        #expect(sink.received.isEmpty)
        simulation.kernel.faults = .none
        try client.bindDatagrams().send([2], to: sink.endpoint)
        simulation.settle()
        #expect(sink.received.map(\.bytes) == [[2]])
    }
}

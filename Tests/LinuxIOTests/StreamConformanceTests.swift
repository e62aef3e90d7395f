import LinuxIO
import Model
import Testing

@Suite("Streams, as every IODriver must carry them", .timeLimit(.minutes(5)))
struct StreamConformanceTests {
    // MARK: Connecting

    @Test(arguments: Kernel.allCases)
    func `a connection makes an edge at its listener and is taken once`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (listener, endpoint) = try machine.listener()
        let token = try machine.watch(listener)
        #expect(machine.idleEdge(token) == nil)
        let client = machine.own(try machine.driver.connect(to: endpoint))
        #expect(machine.edge(token, .readable) != nil)
        let (server, peer) = try machine.accept(listener)
        #expect(try machine.driver.localEndpoint(client) == peer)
        #expect(try machine.driver.localEndpoint(server) == endpoint)
        #expect(machine.driver.accept(listener) == .wouldBlock)
    }

    @Test(arguments: Kernel.allCases)
    func `connecting ends with a writable edge and no error`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (_, endpoint) = try machine.listener()
        let client = machine.own(try machine.driver.connect(to: endpoint))
        let token = try machine.watch(client)
        let readiness = try #require(machine.edge(token, .writable))
        #expect(readiness.isDisjoint(with: [.peerEnded, .failed]))
        #expect(machine.driver.socketError(client) == nil)
        #expect(machine.receiveNow(client) == .wouldBlock)
    }

    @Test(arguments: Kernel.allCases)
    func `a refused connection says so, at once or with an edge`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (listener, endpoint) = try machine.listener()
        machine.close(listener)
        var name = ""
        do throws(Errno) {
            let client = machine.own(try machine.driver.connect(to: endpoint))
            let token = try machine.watch(client)
            let readiness = machine.edge(token, .writable)
            #expect(readiness?.contains(.failed) == true)
            name = machine.driver.socketError(client)?.name ?? "none"
            #expect(machine.driver.socketError(client) == nil, "an error is taken once")
        } catch {
            name = error.name
        }
        #expect(name == "ECONNREFUSED")
    }

    @Test(arguments: Kernel.allCases)
    func `several waiting connections are all taken after one edge`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (listener, endpoint) = try machine.listener()
        for _ in 0..<3 { _ = machine.own(try machine.driver.connect(to: endpoint)) }
        let token = try machine.watch(listener)
        #expect(machine.edge(token, .readable) != nil)
        for _ in 0..<3 { _ = try machine.accept(listener) }
        #expect(machine.driver.accept(listener) == .wouldBlock)
    }

    @Test(arguments: Kernel.allCases)
    func `a listener on all addresses serves both families`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (listener, endpoint) = try machine.listener(at: .anyV6)
        for address in [IPAddress.loopbackV4, .loopbackV6] {
            let client = machine.own(
                try machine.driver.connect(to: Endpoint(address, endpoint.port)))
            let (server, peer) = try machine.accept(listener)
            #expect(peer.address == address)
            #expect(try machine.driver.localEndpoint(server).address == address)
            #expect(try machine.driver.localEndpoint(client).address == address)
        }
    }

    @Test(arguments: Kernel.allCases)
    func `an address is taken once, or shared by all who say so`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (_, alone) = try machine.listener()
        #expect(throws: Errno(98, in: "bind")) {
            try machine.driver.listen(at: alone, options: ListenOptions())
        }
        let options = ListenOptions(isShared: true)
        let (first, shared) = try machine.listener(options: options)
        let second = machine.own(try machine.driver.listen(at: shared, options: options))
        for _ in 0..<64 { _ = machine.own(try machine.driver.connect(to: shared)) }
        var counts = [0, 0]
        while counts.reduce(0, +) < 64 {
            var taken = 0
            for (index, listener) in [first, second].enumerated() {
                guard case .connection(let server, _) = machine.driver.accept(listener)
                else { continue }
                _ = machine.own(server)
                counts[index] += 1
                taken += 1
            }
            if taken == 0 { machine.forgetEdges() }
        }
        #expect(counts.allSatisfy { $0 > 0 }, "the kernel spreads connections")
    }

    @Test(arguments: Kernel.allCases)
    func `connections nobody took are reset with their listener`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (listener, endpoint) = try machine.listener()
        let client = machine.own(try machine.driver.connect(to: endpoint))
        let token = try machine.watch(client)
        #expect(machine.edge(token, .writable) != nil)
        machine.close(listener)
        #expect(machine.edge(token, .failed) != nil)
        #expect(machine.receive(client) == .failed("ECONNRESET"))
    }

    // MARK: Edges

    @Test(arguments: Kernel.allCases)
    func `every arrival makes one edge`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (client, server) = try machine.pair()
        let token = try machine.watch(server)
        machine.forgetEdges()
        #expect(machine.send(client, [1, 2]) == .bytes(2))
        #expect(machine.edge(token, .readable) != nil)
        #expect(machine.idleEdge(token) == nil, "unread bytes alone are no edge")
        #expect(machine.send(client, [3]) == .bytes(1))
        #expect(machine.edge(token, .readable) != nil)
        #expect(machine.receive(server) == .bytes([1, 2, 3]))
        #expect(machine.receiveNow(server) == .wouldBlock)
        #expect(machine.idleEdge(token) == nil)
    }

    @Test(arguments: Kernel.allCases)
    func `what is ready when a watch begins is reported`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (client, server) = try machine.pair()
        #expect(machine.send(client, [9]) == .bytes(1))
        #expect(machine.receiveNow(client) == .wouldBlock)
        machine.forgetEdges()
        let token = try machine.watch(server)
        let readiness = try #require(machine.edge(token, .readable))
        #expect(readiness.contains(.writable))
    }

    @Test(arguments: Kernel.allCases)
    func `a short read proves that there is no more`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (client, server) = try machine.pair()
        #expect(machine.send(client, [UInt8](repeating: 1, count: 5000)) == .bytes(5000))
        let token = try machine.watch(server)
        #expect(machine.edge(token, .readable) != nil)
        #expect(machine.receive(server, 4000) == .bytes([UInt8](repeating: 1, count: 4000)))
        #expect(machine.receive(server, 4000) == .bytes([UInt8](repeating: 1, count: 1000)))
        #expect(machine.receiveNow(server) == .wouldBlock)
    }

    @Test(arguments: Kernel.allCases)
    func `a full stream blocks, and an edge follows when the peer has read`(
        _ kernel: Kernel
    ) throws {
        let machine = try Machine(kernel)
        let (client, server) = try machine.pair()
        let token = try machine.watch(server)
        var total = machine.fill(server)
        #expect(total > 0)
        // Buffers grow while they are used, so "full" is when nothing moves any more.
        for _ in 0..<200 {
            machine.forgetEdges()
            if machine.send(server, [1]) == .wouldBlock { break }
            total += 1 + machine.fill(server)
        }
        #expect(machine.send(server, [1]) == .wouldBlock)
        var received = 0
        while received < total {
            guard case .bytes(let bytes) = machine.receive(client) else { break }
            received += bytes.count
        }
        #expect(received == total)
        #expect(machine.edge(token, .writable) != nil)
        #expect(machine.send(server, [1]) == .bytes(1))
    }

    @Test(arguments: Kernel.allCases)
    func `a wait ends when somebody wakes it, once`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        machine.driver.waker.wake()
        machine.driver.waker.wake()
        let events = UnsafeMutableBufferPointer<ReadyEvent>.allocate(capacity: 1)
        defer { events.deallocate() }
        events.initialize(repeating: ReadyEvent(token: 0, readiness: []))
        #expect(machine.driver.wait(into: events, timeoutNanoseconds: nil) == 0)
        #expect(machine.driver.wait(into: events, timeoutNanoseconds: 1) == 0)
        machine.driver.waker.wake()
        #expect(machine.driver.wait(into: events, timeoutNanoseconds: nil) == 0)
    }
}

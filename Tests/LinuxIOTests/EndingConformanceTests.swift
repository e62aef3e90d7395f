import LinuxIO
import Model
import Testing

@Suite("Ends and resets, as every IODriver must report them", .timeLimit(.minutes(5)))
struct EndingConformanceTests {
    @Test(arguments: Kernel.allCases)
    func `an end comes after all bytes, and the other direction goes on`(
        _ kernel: Kernel
    ) throws {
        let machine = try Machine(kernel)
        let (client, server) = try machine.pair()
        let token = try machine.watch(server)
        machine.forgetEdges()
        #expect(machine.send(client, [1, 2, 3]) == .bytes(3))
        machine.driver.shutdownSending(client)
        #expect(machine.edge(token, .peerEnded)?.contains(.readable) == true)
        #expect(machine.receive(server) == .bytes([1, 2, 3]))
        #expect(machine.receive(server) == .end)
        #expect(machine.receive(server) == .end, "an end is reported again")
        #expect(machine.send(server, [4, 5]) == .bytes(2))
        #expect(machine.receive(client) == .bytes([4, 5]))
        machine.close(server)
        #expect(machine.receive(client) == .end)
    }

    @Test(arguments: Kernel.allCases)
    func `nothing is sent after one's own end`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (client, server) = try machine.pair()
        machine.driver.shutdownSending(client)
        machine.driver.shutdownSending(client)
        #expect(machine.send(client, [1]) == .failed(Errno(32, in: "send")))
        #expect(machine.receive(server) == .end)
    }

    @Test(arguments: Kernel.allCases)
    func `an orderly close ends after all bytes`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (client, server) = try machine.pair()
        #expect(machine.send(client, [6, 7]) == .bytes(2))
        machine.close(client)
        #expect(machine.receive(server) == .bytes([6, 7]))
        #expect(machine.receive(server) == .end)
    }

    @Test(arguments: Kernel.allCases)
    func `a reset is reported once, then the stream is over`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (client, server) = try machine.pair()
        let token = try machine.watch(server)
        machine.forgetEdges()
        machine.driver.resetOnClose(client)
        machine.close(client)
        let readiness = try #require(machine.edge(token, .failed))
        #expect(readiness.isSuperset(of: [.readable, .writable, .peerEnded]))
        #expect(machine.receive(server) == .failed("ECONNRESET"))
        #expect(machine.receive(server) == .end)
        #expect(machine.send(server, [1]) == .failed(Errno(32, in: "send")))
    }

    @Test(arguments: Kernel.allCases)
    func `bytes that came before a reset can be read`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (client, server) = try machine.pair()
        let token = try machine.watch(server)
        machine.forgetEdges()
        #expect(machine.send(client, [8]) == .bytes(1))
        #expect(machine.edge(token, .readable) != nil)
        machine.driver.resetOnClose(client)
        machine.close(client)
        #expect(machine.edge(token, .failed) != nil)
        #expect(machine.receive(server) == .bytes([8]))
        #expect(machine.receive(server) == .failed("ECONNRESET"))
    }

    @Test(arguments: Kernel.allCases)
    func `closing with unread bytes resets the peer`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (client, server) = try machine.pair()
        let token = try machine.watch(server)
        #expect(machine.send(client, [1]) == .bytes(1))
        #expect(machine.edge(token, .readable) != nil)
        machine.close(server)
        #expect(machine.receive(client) == .failed("ECONNRESET"))
    }

    @Test(arguments: Kernel.allCases)
    func `sending to a closed peer resets us`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let (client, server) = try machine.pair()
        machine.close(client)
        #expect(machine.receive(server) == .end)
        let token = try machine.watch(server)
        machine.forgetEdges()
        #expect(machine.send(server, [1]) == .bytes(1))
        #expect(machine.edge(token, .failed) != nil)
        #expect(machine.send(server, [1]) == .failed(Errno(32, in: "send")))
    }

    @Test(arguments: Kernel.allCases)
    func `a Unix socket is taken once and carries bytes`(_ kernel: Kernel) throws {
        let machine = try Machine(kernel)
        let path = "/tmp/weir-conformance-\(machine.driver.randomWord())"
        let listener = machine.own(try machine.driver.listen(atPath: path))
        defer { try? Directory.removeFile(path: path) }
        #expect(throws: Errno(98, in: "bind")) {
            try machine.driver.listen(atPath: path)
        }
        #expect(try machine.driver.localEndpoint(listener) == Endpoint(.anyV6, 0))
        #expect(machine.driver.accept(listener) == .wouldBlock)
        #expect(throws: Errno(36, in: "bind")) {
            try machine.driver.listen(atPath: "/tmp/" + String(repeating: "x", count: 103))
        }
        #expect(throws: Errno(2, in: "bind")) { try machine.driver.listen(atPath: "") }
    }
}

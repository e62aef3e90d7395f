import KernelTesting
import LinuxIO
import Model
import Testing

@Suite("Every fault of the simulated kernel")
struct FaultTests {
    /// A driver with a connection to a peer; faults are set after it is there.
    private struct Bench {
        let kernel = SimulatedKernel(seed: 11)
        let driver: SimulatedDriver
        let listener: Descriptor
        let endpoint: Endpoint
        let peer: SimulatedPeer

        init() throws {
            driver = kernel.makeDriver()
            listener = try driver.listen(at: Endpoint(.anyV6, 1080), options: ListenOptions())
            peer = SimulatedPeer(IPAddress(v4: 0xcb00_7109), in: kernel)
            endpoint = Endpoint(kernel.gatewayAddresses[0], 1080)
        }

        /// A connection from the peer, watched under token 1, with no edge left.
        func connection() throws -> (Descriptor, PeerStream) {
            let stream = try peer.connect(to: endpoint)
            kernel.runDueEvents()
            guard case .connection(let descriptor, _) = driver.accept(listener) else {
                throw Errno(0, in: "accept")
            }
            try driver.watch(descriptor, token: 1)
            _ = edges()
            return (descriptor, stream)
        }

        /// What a wait reports under token 1.
        func edges() -> Readiness {
            let events = UnsafeMutableBufferPointer<ReadyEvent>.allocate(capacity: 8)
            defer { events.deallocate() }
            events.initialize(repeating: ReadyEvent(token: 0, readiness: []))
            let count = driver.wait(into: events, timeoutNanoseconds: 0)
            return events.prefix(count).reduce(into: []) { $0.formUnion($1.readiness) }
        }

        func receive(_ descriptor: Descriptor) -> Transfer {
            withUnsafeTemporaryAllocation(byteCount: 1000, alignment: 1) {
                driver.receive(descriptor, into: $0)
            }
        }

        func send(_ descriptor: Descriptor, _ count: Int) -> Transfer {
            [UInt8](repeating: 1, count: count).withUnsafeBytes { driver.send(descriptor, $0) }
        }
    }

    @Test func `a short read is followed by an edge for the rest`() throws {
        let bench = try Bench()
        let (descriptor, stream) = try bench.connection()
        stream.send([UInt8](repeating: 2, count: 100))
        #expect(bench.edges().contains(.readable))
        bench.kernel.faults.shortReads = 1
        guard case .bytes(let count) = bench.receive(descriptor) else {
            Issue.record("nothing was read")
            return
        }
        #expect((1..<100).contains(count))
        #expect(bench.edges().contains(.readable))
        bench.kernel.faults = .none
        #expect(bench.receive(descriptor) == .bytes(100 - count))
        #expect(bench.edges() == [])
    }

    @Test func `a short write is followed by an edge`() throws {
        let bench = try Bench()
        let (descriptor, stream) = try bench.connection()
        bench.kernel.faults.shortWrites = 1
        guard case .bytes(let count) = bench.send(descriptor, 100) else {
            Issue.record("nothing was written")
            return
        }
        #expect((1..<100).contains(count))
        #expect(bench.edges().contains(.writable))
        #expect(stream.received.count == count)
    }

    @Test func `a spurious would-block is followed by an edge`() throws {
        let bench = try Bench()
        let (descriptor, stream) = try bench.connection()
        stream.send([1])
        #expect(bench.edges().contains(.readable))
        bench.kernel.faults.spuriousWouldBlock = 1
        #expect(bench.receive(descriptor) == .wouldBlock)
        #expect(bench.send(descriptor, 1) == .wouldBlock)
        #expect(bench.edges().isSuperset(of: [.readable, .writable]))
        bench.kernel.faults = .none
        #expect(bench.receive(descriptor) == .bytes(1))
    }

    @Test func `readiness can be told although there is none`() throws {
        let bench = try Bench()
        let (descriptor, _) = try bench.connection()
        bench.kernel.faults.spuriousReadiness = 1
        let reported = (0..<50).map { _ in bench.edges() }
        #expect(reported.contains { $0.contains(.readable) })
        #expect(bench.receive(descriptor) == .wouldBlock)
    }

    @Test func `readiness can be late, and comes`() throws {
        let bench = try Bench()
        let (_, stream) = try bench.connection()
        bench.kernel.faults.delayedReadiness = 1
        stream.send([1])
        #expect(bench.edges() == [])
        bench.kernel.advance(toNanoseconds: bench.kernel.nowNanoseconds + 2_000_000)
        #expect(bench.edges().contains(.readable))
    }

    @Test func `accepting can be exhausted, by chance or by the limit`() throws {
        let bench = try Bench()
        let stream = try bench.peer.connect(to: bench.endpoint)
        bench.kernel.runDueEvents()
        bench.kernel.faults.acceptExhausted = 1
        #expect(bench.driver.accept(bench.listener) == .exhausted(Errno(24, in: "accept")))
        bench.kernel.faults = .none
        bench.kernel.descriptorLimit = 1
        #expect(bench.driver.accept(bench.listener) == .exhausted(Errno(24, in: "accept")))
        #expect(throws: Errno(24, in: "socket")) { try bench.driver.connect(to: bench.endpoint) }
        bench.kernel.descriptorLimit = 2
        bench.kernel.faults.acceptLost = 1
        #expect(bench.driver.accept(bench.listener) == .lost(Errno(103, in: "accept")))
        bench.kernel.runDueEvents()
        #expect(stream.error?.name == "ECONNRESET")
    }

    @Test func `opening can fail in every way`() throws {
        let bench = try Bench()
        bench.kernel.faults.connectRefusedAtOnce = 1
        bench.kernel.faults.pipeFailures = 1
        bench.kernel.faults.watchFailures = 1
        #expect(throws: Errno(24, in: "socket")) { try bench.driver.connect(to: bench.endpoint) }
        #expect(throws: Errno(23, in: "pipe2")) { try bench.driver.makePipe(capacity: 1 << 20) }
        #expect(throws: Errno(28, in: "epoll_ctl")) {
            try bench.driver.watch(bench.listener, token: 9)
        }
        bench.kernel.faults = .none
        bench.kernel.faults.smallPipes = 1
        #expect(try bench.driver.makePipe(capacity: 1 << 20).capacity == 65_536)
    }

    @Test func `a connection can be reset in the middle, for both sides`() throws {
        let bench = try Bench()
        let (descriptor, stream) = try bench.connection()
        bench.kernel.faults.resets = 1
        stream.send([1])
        #expect(bench.edges().contains(.failed))
        #expect(bench.receive(descriptor) == .failed(Errno(104, in: "recv")))
        #expect(stream.error?.name == "ECONNRESET")
    }

    @Test func `datagrams are lost, repeated and come apart`() throws {
        let bench = try Bench()
        let socket = try bench.driver.bindDatagrams(
            at: Endpoint(.anyV6, 5000), options: DatagramOptions())
        let peer = try bench.peer.bindDatagrams()
        let inbox = DatagramInbox(capacity: 16)
        let target = Endpoint(bench.endpoint.address, 5000)

        func arrivals(_ change: (inout Faults) -> Void) throws -> [Int] {
            bench.kernel.faults = .none
            change(&bench.kernel.faults)
            try peer.send([1, 2, 3, 4], to: target, segmentBytes: 1)
            bench.kernel.runDueEvents()
            bench.kernel.faults = .none
            guard case .bytes(let count) = bench.driver.receiveDatagrams(socket, into: inbox)
            else { return [] }
            return inbox.messages.prefix(count).map(\.count)
        }
        #expect(try arrivals { _ in } == [4])
        #expect(try arrivals { $0.splitTrains = 1 } == [1, 1, 1, 1])
        #expect(try arrivals { $0.repeatedDatagrams = 1 } == [8])
        #expect(try arrivals { $0.lostDatagrams = 1 } == [])
    }

    @Test func `sending and receiving datagrams can fail`() throws {
        let bench = try Bench()
        let socket = try bench.driver.bindDatagrams(
            at: Endpoint(.anyV6, 5000), options: DatagramOptions())
        let peer = try bench.peer.bindDatagrams()
        let outbox = DatagramOutbox()
        let inbox = DatagramInbox(capacity: 4)
        let bytes = [UInt8](repeating: 1, count: 10)
        bytes.withUnsafeBytes { bytes in
            for _ in 0..<10 {
                outbox.begin(to: peer.endpoint, from: .anyV6, segmentBytes: 4)
                outbox.append(bytes)
            }
            bench.kernel.faults.refusedDatagrams = 1
            #expect(
                bench.driver.sendDatagrams(socket, outbox, from: 0)
                    == .failed(Errno(1, in: "sendmmsg")))
            bench.kernel.faults = .none
            bench.kernel.faults.shortBatches = 1
            let part = bench.driver.sendDatagrams(socket, outbox, from: 0)
            #expect((1..<10).contains { part == .bytes($0) })
            bench.kernel.faults.refusedTrains = 1
            let refused = bench.driver.sendDatagrams(socket, outbox, from: 0)
            let codes: [Int32] = [22, 5]
            #expect(codes.contains { refused == .failed(Errno($0, in: "sendmmsg")) })
        }
        bench.kernel.faults.datagramErrors = 1
        #expect(
            bench.driver.receiveDatagrams(socket, into: inbox)
                == .failed(Errno(111, in: "recvmmsg")))
    }

    @Test func `seeds differ in their faults and lossless ones lose nothing`() {
        let all = (1...50 as ClosedRange<UInt64>).map { Faults.swarm(seed: $0, lossy: false) }
        #expect(Set(all.map(\.shortReads)).count > 10)
        #expect(all.contains { $0.shortReads == 0 } && all.contains { $0.shortReads > 0 })
        #expect(all.allSatisfy { $0.resets == 0 && $0.lostDatagrams == 0 && $0.acceptLost == 0 })
    }
}

import LinuxIO
import Model
import Testing

@Suite("Splicing, as every IODriver must do it", .timeLimit(.minutes(5)))
struct SpliceConformanceTests {
    /// A machine with a connection on each side and a pipe between.
    private struct Bench {
        let machine: Machine
        let sender: Descriptor
        let source: Descriptor
        let sink: Descriptor
        let receiver: Descriptor
        let pipe: Pipe

        init(_ kernel: Kernel, pipeBytes: Int = 1 << 20) throws {
            machine = try Machine(kernel)
            (sender, source) = try machine.pair()
            (sink, receiver) = try machine.pair()
            pipe = try machine.driver.makePipe(capacity: pipeBytes)
            _ = machine.own(pipe.reading)
            _ = machine.own(pipe.writing)
        }

        func fill(_ count: Int = 1 << 20) -> Transfer {
            machine.driver.splice(from: source, to: pipe.writing, count: count)
        }

        func drain(_ count: Int = 1 << 20) -> Transfer {
            machine.driver.splice(from: pipe.reading, to: sink, count: count)
        }

        func fillSoon(_ count: Int = 1 << 20) -> Transfer {
            machine.untilDone { fill(count) }
        }
    }

    @Test(arguments: Kernel.allCases)
    func `bytes go through the pipe in order`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel)
        #expect(bench.pipe.capacity > 0)
        #expect(bench.fill() == .wouldBlock, "nothing has come")
        #expect(bench.drain() == .wouldBlock, "the pipe is empty")
        #expect(bench.machine.send(bench.sender, [1, 2, 3, 4, 5]) == .bytes(5))
        #expect(bench.fillSoon(3) == .bytes(3))
        #expect(bench.fillSoon() == .bytes(2))
        #expect(bench.drain(4) == .bytes(4))
        #expect(bench.drain() == .bytes(1))
        #expect(bench.drain() == .wouldBlock)
        var received: [UInt8] = []
        while received.count < 5, case .bytes(let bytes) = bench.machine.receive(bench.receiver) {
            received += bytes
        }
        #expect(received == [1, 2, 3, 4, 5])
    }

    @Test(arguments: Kernel.allCases)
    func `the end of a stream is zero bytes, again and again`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel)
        #expect(bench.machine.send(bench.sender, [1]) == .bytes(1))
        bench.machine.driver.shutdownSending(bench.sender)
        #expect(bench.fillSoon() == .bytes(1))
        #expect(bench.fillSoon() == .bytes(0))
        #expect(bench.fill() == .bytes(0))
        #expect(bench.drain() == .bytes(1))
    }

    @Test(arguments: Kernel.allCases)
    func `a full pipe blocks although more has come, even at the end`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel, pipeBytes: 4096)
        #expect(bench.pipe.capacity == 4096)
        #expect(
            bench.machine.send(bench.sender, [UInt8](repeating: 5, count: 100_000)) != .wouldBlock)
        bench.machine.driver.shutdownSending(bench.sender)
        let token = try bench.machine.watch(bench.source)
        #expect(bench.machine.edge(token, .peerEnded) != nil)
        guard case .bytes(let first) = bench.fillSoon() else {
            Issue.record("nothing was moved")
            return
        }
        #expect(first > 0 && first < 100_000)
        #expect(bench.fill() == .wouldBlock)
        var total = first
        var isEnded = false
        while !isEnded {
            guard case .bytes(let drained) = bench.drain(), drained > 0 else { break }
            while case .bytes(let filled) = bench.fill() {
                total += filled
                isEnded = filled == 0
                if isEnded { break }
            }
        }
        #expect(isEnded)
        #expect(total == 100_000)
    }

    @Test(arguments: Kernel.allCases)
    func `a full sink blocks and gets an edge when there is room`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel)
        var filled = bench.machine.fill(bench.sink)
        // Buffers grow while they are used, so "full" is when nothing moves any more.
        for _ in 0..<200 {
            #expect(bench.machine.send(bench.sender, [1]) == .bytes(1))
            #expect(bench.fillSoon() == .bytes(1))
            bench.machine.forgetEdges()
            let result = bench.drain()
            if result == .wouldBlock { break }
            #expect(result == .bytes(1))
            filled += 1 + bench.machine.fill(bench.sink)
        }
        #expect(bench.drain() == .wouldBlock)
        var received = 0
        while received < filled, case .bytes(let bytes) = bench.machine.receive(bench.receiver) {
            received += bytes.count
        }
        #expect(received == filled)
        #expect(bench.machine.untilDone { bench.drain() } == .bytes(1))
    }

    @Test(arguments: Kernel.allCases)
    func `a reset source fails, and a reset sink fails without a signal`(
        _ kernel: Kernel
    ) throws {
        let bench = try Bench(kernel)
        #expect(bench.machine.send(bench.sender, [1, 2]) == .bytes(2))
        #expect(bench.fillSoon(1) == .bytes(1))
        #expect(bench.fillSoon(1) == .bytes(1))
        bench.machine.driver.resetOnClose(bench.sender)
        bench.machine.close(bench.sender)
        #expect(bench.fillSoon() == .failed(Errno(104, in: "splice")))
        let token = try bench.machine.watch(bench.sink)
        bench.machine.driver.resetOnClose(bench.receiver)
        bench.machine.close(bench.receiver)
        #expect(bench.machine.edge(token, .failed) != nil)
        #expect(bench.drain() == .failed(Errno(104, in: "splice")))
        #expect(bench.drain() == .failed(Errno(32, in: "splice")))
    }

    @Test(arguments: Kernel.allCases)
    func `nothing is spliced into a direction that has ended`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel)
        #expect(bench.machine.send(bench.sender, [1]) == .bytes(1))
        #expect(bench.fillSoon() == .bytes(1))
        bench.machine.driver.shutdownSending(bench.sink)
        #expect(bench.drain() == .failed(Errno(32, in: "splice")))
    }
}

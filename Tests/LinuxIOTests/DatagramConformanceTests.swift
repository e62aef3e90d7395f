import LinuxIO
import Model
import Testing

@Suite("Datagrams, as every IODriver must carry them", .timeLimit(.minutes(5)))
struct DatagramConformanceTests {
    /// Two bound sockets, and what a batch needs.
    private struct Bench {
        let machine: Machine
        let inbox: DatagramInbox
        let outbox = DatagramOutbox()

        init(_ kernel: Kernel, messageBytes: Int = 65_536) throws {
            machine = try Machine(kernel)
            inbox = DatagramInbox(messageBytes: messageBytes)
        }

        func bind(_ address: IPAddress = .loopbackV4) throws -> (Descriptor, Endpoint) {
            let descriptor = machine.own(
                try machine.driver.bindDatagrams(
                    at: Endpoint(address, 0), options: DatagramOptions()))
            return (descriptor, try machine.driver.localEndpoint(descriptor))
        }

        /// Sends one message and says what came of it.
        func send(
            _ from: Descriptor, _ bytes: [UInt8], to: Endpoint, source: IPAddress = .anyV6,
            segmentBytes: Int = 0
        ) -> Transfer {
            bytes.withUnsafeBytes { bytes in
                outbox.removeAll()
                outbox.begin(to: to, from: source, segmentBytes: segmentBytes)
                if !bytes.isEmpty { outbox.append(bytes) }
                return machine.driver.sendDatagrams(from, outbox, from: 0)
            }
        }

        /// Receives messages until that many datagrams came, trains taken apart.
        func receive(_ descriptor: Descriptor, datagrams wanted: Int) -> [[UInt8]] {
            var all: [[UInt8]] = []
            while all.count < wanted {
                let result = machine.untilDone {
                    machine.driver.receiveDatagrams(descriptor, into: inbox)
                }
                guard case .bytes(let count) = result else { break }
                for index in 0..<count { all += datagrams(index) }
            }
            return all
        }

        private func datagrams(_ index: Int) -> [[UInt8]] {
            let message = inbox.messages[index]
            let bytes = Array(
                UnsafeRawBufferPointer(start: inbox.bytes(index), count: message.count))
            guard message.segmentBytes > 0 else { return [bytes] }
            return stride(from: 0, to: bytes.count, by: message.segmentBytes).map { start in
                Array(bytes[start..<min(start + message.segmentBytes, bytes.count)])
            }
        }
    }

    @Test(arguments: Kernel.allCases)
    func `a datagram tells its source and the address it came to`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel)
        let (one, oneEndpoint) = try bench.bind()
        let (two, twoEndpoint) = try bench.bind()
        let token = try bench.machine.watch(two)
        bench.machine.forgetEdges()
        #expect(bench.machine.driver.receiveDatagrams(two, into: bench.inbox) == .wouldBlock)
        #expect(bench.send(one, [1, 2, 3], to: twoEndpoint) == .bytes(1))
        #expect(bench.machine.edge(token, .readable) != nil)
        #expect(bench.receive(two, datagrams: 1) == [[1, 2, 3]])
        let message = bench.inbox.messages[0]
        #expect(message.source == oneEndpoint)
        #expect(message.local == .loopbackV4)
        #expect(message.segmentBytes == 0)
        #expect(!message.isTruncated)
    }

    @Test(arguments: Kernel.allCases, [0, 1, 1200, 65_507])
    func `a datagram of any size arrives whole`(_ kernel: Kernel, _ count: Int) throws {
        let bench = try Bench(kernel)
        let (one, _) = try bench.bind()
        let (two, endpoint) = try bench.bind()
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        #expect(bench.send(one, bytes, to: endpoint) == .bytes(1))
        #expect(bench.receive(two, datagrams: 1) == [bytes])
        #expect(!bench.inbox.messages[0].isTruncated)
    }

    @Test(arguments: Kernel.allCases)
    func `a datagram that is too long is refused alone`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel)
        let (one, _) = try bench.bind()
        let (two, endpoint) = try bench.bind()
        let long = [UInt8](repeating: 1, count: 65_508)
        #expect(bench.send(one, long, to: endpoint) == .failed(Errno(90, in: "sendmmsg")))
        long.withUnsafeBytes { bytes in
            bench.outbox.removeAll()
            bench.outbox.begin(to: endpoint, from: .anyV4)
            bench.outbox.append(UnsafeRawBufferPointer(rebasing: bytes[..<2]))
            bench.outbox.begin(to: endpoint, from: .anyV4)
            bench.outbox.append(bytes)
            #expect(bench.machine.driver.sendDatagrams(one, bench.outbox, from: 0) == .bytes(1))
            #expect(
                bench.machine.driver.sendDatagrams(one, bench.outbox, from: 1)
                    == .failed(Errno(90, in: "sendmmsg")))
        }
        #expect(bench.receive(two, datagrams: 1) == [[1, 1]])
    }

    @Test(arguments: Kernel.allCases)
    func `a datagram longer than its buffer is marked`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel, messageBytes: 100)
        let (one, _) = try bench.bind()
        let (two, endpoint) = try bench.bind()
        #expect(bench.send(one, [UInt8](repeating: 3, count: 101), to: endpoint) == .bytes(1))
        #expect(bench.receive(two, datagrams: 1) == [[UInt8](repeating: 3, count: 100)])
        #expect(bench.inbox.messages[0].isTruncated)
    }

    @Test(
        arguments: Kernel.allCases,
        [(1000, 3000), (1000, 3001), (1200, 64 * 900), (1, 64), (1000, 1000), (1000, 10)])
    func `a train arrives as its datagrams`(_ kernel: Kernel, _ train: (Int, Int)) throws {
        let (segment, count) = train
        let bench = try Bench(kernel)
        let (one, _) = try bench.bind()
        let (two, endpoint) = try bench.bind()
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 / segment) }
        #expect(bench.send(one, bytes, to: endpoint, segmentBytes: segment) == .bytes(1))
        let expected = stride(from: 0, to: count, by: segment).map { start in
            Array(bytes[start..<min(start + segment, count)])
        }
        #expect(bench.receive(two, datagrams: expected.count) == expected)
    }

    @Test(arguments: Kernel.allCases)
    func `a batch keeps its order and joins ranges`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel)
        let (one, _) = try bench.bind()
        let (two, endpoint) = try bench.bind()
        let bytes = [UInt8](0..<200)
        bytes.withUnsafeBytes { bytes in
            bench.outbox.removeAll()
            for index in 0..<100 {
                bench.outbox.begin(to: endpoint, from: .anyV4)
                bench.outbox.append(UnsafeRawBufferPointer(rebasing: bytes[index..<(index + 1)]))
                bench.outbox.append(UnsafeRawBufferPointer(rebasing: bytes[100..<200]))
            }
            var sent = 0
            while sent < 100 {
                guard
                    case .bytes(let count) = bench.machine.driver.sendDatagrams(
                        one, bench.outbox, from: sent)
                else { break }
                sent += count
            }
            #expect(sent == 100)
        }
        let received = bench.receive(two, datagrams: 100)
        #expect(received.map(\.count) == [Int](repeating: 101, count: 100))
        #expect(received.compactMap(\.first) == [UInt8](0..<100))
    }

    @Test(arguments: Kernel.allCases)
    func `a socket on all addresses serves both families`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel)
        let (all, endpoint) = try bench.bind(.anyV6)
        for address in [IPAddress.loopbackV4, .loopbackV6] {
            let (one, oneEndpoint) = try bench.bind(address)
            #expect(bench.send(one, [1], to: Endpoint(address, endpoint.port)) == .bytes(1))
            #expect(bench.receive(all, datagrams: 1) == [[1]])
            #expect(bench.inbox.messages[0].source == oneEndpoint)
            #expect(bench.inbox.messages[0].local == address)
            #expect(bench.send(all, [2], to: oneEndpoint, source: address) == .bytes(1))
            #expect(bench.receive(one, datagrams: 1) == [[2]])
            #expect(bench.inbox.messages[0].source == Endpoint(address, endpoint.port))
        }
    }

    @Test(arguments: Kernel.allCases)
    func `the sender's address can be chosen`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel)
        let second = IPAddress(v4: 0x7f00_0002)
        for wildcard in [IPAddress.anyV6, .anyV4] {
            let (one, oneEndpoint) = try bench.bind(wildcard)
            let (two, endpoint) = try bench.bind()
            #expect(bench.send(one, [1], to: endpoint, source: second) == .bytes(1))
            #expect(bench.receive(two, datagrams: 1) == [[1]])
            #expect(bench.inbox.messages[0].source == Endpoint(second, oneEndpoint.port))
            #expect(bench.send(two, [2], to: Endpoint(second, oneEndpoint.port)) == .bytes(1))
            #expect(bench.receive(one, datagrams: 1) == [[2]])
            #expect(bench.inbox.messages[0].local == second)
        }
    }

    @Test(arguments: Kernel.allCases)
    func `a wrong family is a value, and nobody there is no error`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel)
        let (one, _) = try bench.bind()
        let (gone, endpoint) = try bench.bind()
        bench.machine.close(gone)
        #expect(
            bench.send(one, [1], to: Endpoint(.loopbackV6, 9))
                == .failed(Errno(97, in: "sendmmsg")))
        #expect(bench.send(one, [1], to: endpoint) == .bytes(1))
        #expect(bench.send(one, [1], to: endpoint) == .bytes(1))
        #expect(bench.machine.driver.receiveDatagrams(one, into: bench.inbox) == .wouldBlock)
    }

    @Test(arguments: Kernel.allCases)
    func `a bound address is taken once, or shared by all who say so`(_ kernel: Kernel) throws {
        let bench = try Bench(kernel)
        let (_, alone) = try bench.bind()
        #expect(throws: Errno(98, in: "bind")) {
            try bench.machine.driver.bindDatagrams(at: alone, options: DatagramOptions())
        }
        let options = DatagramOptions(isShared: true)
        let first = bench.machine.own(
            try bench.machine.driver.bindDatagrams(
                at: Endpoint(.loopbackV4, 0), options: options))
        let endpoint = try bench.machine.driver.localEndpoint(first)
        _ = bench.machine.own(
            try bench.machine.driver.bindDatagrams(at: endpoint, options: options))
    }
}

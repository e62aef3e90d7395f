import KernelTesting
import LinuxIO
import Loop
import Metering
import Model
import Testing

@testable import Relay

/// A batch on a kernel that the test plays.
///
/// ## Concurrency
/// One thread: the test's.
private final class Bench {
    static let socket = Descriptor(5)
    static let header: [UInt8] = [0, 0, 0, 1, 1, 2, 3, 4, 0, 53]

    let driver = ScriptedDriver()
    let direction: Direction
    private let loop: EventLoop
    private let ledger: Ledger
    private let batch: DatagramBatch
    private var flows: [DatagramFlow] = []
    private let service = MeteredService(
        info: ServiceInfo(service: "udp", handler: "test", guids: []))

    init(_ direction: Direction = .uplink) {
        self.direction = direction
        loop = EventLoop(index: 0, driver: driver)
        ledger = Ledger(
            loop: loop, boot: BootID(bits: 1), slots: PlainMemory(chunkBytes: 1 << 20),
            texts: PlainMemory(chunkBytes: 1 << 20), onReport: { _ in })
        batch = DatagramBatch(driver: driver, direction: direction)
        for number in 0..<3 { makeFlow(number) }
    }

    /// The peer that a flow's datagrams go to in this batch's direction.
    func remote(_ flow: Int) -> Endpoint {
        Endpoint(IPAddress(v4: 0xc000_0200 + UInt32(flow)), direction == .uplink ? 53 : 4000)
    }

    private func makeFlow(_ number: Int) {
        loop.perform { _ in
            let address = remote(number)
            let info = FlowInfo(
                id: FlowID(high: 1, low: UInt64(number)), boot: BootID(bits: 1),
                origin: service.info, user: nil, session: nil, transport: .udp, client: address,
                destination: address, host: nil, listener: address, upstreamLocal: address,
                upstreamRemote: address, openedMilliseconds: 0)
            guard let meter = ledger.open(info, service: service) else { return }
            flows.append(
                DatagramFlow(
                    client: address, destination: address, meter: meter,
                    header: direction == .downlink ? Self.header : [], localAddress: .loopbackV4,
                    nowNanoseconds: 0))
        }
    }

    /// Sends payloads as one batch.
    func send(_ payloads: [(flow: Int, bytes: [UInt8])]) {
        loop.perform { loop in
            // Borrowed ranges must live until the batch is sent.
            let memory = payloads.map { payload in
                let bytes = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: payload.bytes.count, alignment: 1)
                bytes.copyBytes(from: payload.bytes)
                return bytes
            }
            for (payload, bytes) in zip(payloads, memory) {
                batch.add(UnsafeRawBufferPointer(bytes), flow: flows[payload.flow])
            }
            batch.send(on: Self.socket, nowNanoseconds: loop.nowNanoseconds)
            for bytes in memory { bytes.deallocate() }
        }
        driver.verify()
    }

    func send(sizes: [Int], flow: Int = 0) {
        send(sizes.map { (flow, Self.bytes($0)) })
    }

    static func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 7, count: count) }

    /// A message as the kernel is to get it: datagrams of these sizes to one flow's peer.
    func message(_ sizes: [Int], flow: Int = 0) -> ScriptedDatagram {
        let header = direction == .downlink ? Self.header : []
        let segment = sizes.count > 1 ? (sizes.first ?? 0) + header.count : 0
        return ScriptedDatagram(
            remote(flow), local: direction == .downlink ? .loopbackV4 : .anyV6,
            sizes.flatMap { header + Self.bytes($0) }, segmentBytes: segment)
    }

    func expect(_ messages: [ScriptedDatagram], _ answer: ScriptedAnswer) {
        driver.expect(.sendDatagrams(Self.socket, messages), answer)
    }

    func counts(_ flow: Int = 0) -> FlowCounts { flows[flow].meter.counts }

    /// Delivered payload, delivered datagrams and dropped ones.
    func figures(_ flow: Int = 0) -> [UInt64] {
        let counts = counts(flow)
        return direction == .uplink
            ? [counts.uplinkBytes, counts.uplinkPackets, counts.droppedPackets]
            : [counts.downlinkBytes, counts.downlinkPackets, counts.droppedPackets]
    }
}

@Suite("Datagrams joined into trains, sent and counted")
struct DatagramBatchTests {
    /// Sizes of datagrams to one peer, and the messages that they become.
    private static let joinings: [(sizes: [Int], messages: [[Int]])] = [
        ([100], [[100]]),
        ([100, 100, 100], [[100, 100, 100]]),
        ([100, 100, 50], [[100, 100, 50]]),
        ([100, 100, 50, 50, 100], [[100, 100, 50], [50], [100]]),
        ([50, 100], [[50], [100]]),
        ([0], [[0]]),
        ([0, 0], [[0], [0]]),
        ([100, 0, 100], [[100], [0], [100]]),
        (
            [9000, 9000, 9000, 9000, 9000, 9000, 9000, 9000],
            [[9000, 9000, 9000, 9000, 9000, 9000, 9000], [9000]]
        ),
        ([65_507, 1], [[65_507], [1]]),
        (
            [Int](repeating: 10, count: 130),
            [[Int](repeating: 10, count: 64), [Int](repeating: 10, count: 64), [10, 10]]
        ),
    ]

    @Test(arguments: joinings)
    func `neighbours of one size are joined, and each is counted`(
        sizes: [Int], messages: [[Int]]
    ) {
        let bench = Bench()
        bench.expect(messages.map { bench.message($0) }, .moved(messages.count))
        bench.send(sizes: sizes)
        #expect(bench.figures() == [UInt64(sizes.reduce(0, +)), UInt64(sizes.count), 0])
    }

    /// With a header in front of each, even empty ones can be joined.
    private static let replies: [(sizes: [Int], messages: [[Int]])] = [
        ([0, 0, 0], [[0, 0, 0]]),
        ([100, 100, 0, 0], [[100, 100, 0], [0]]),
        ([5, 0, 5], [[5, 0], [5]]),
    ]

    @Test(arguments: replies)
    func `replies carry their header each, which is overhead`(sizes: [Int], messages: [[Int]]) {
        let bench = Bench(.downlink)
        bench.expect(messages.map { bench.message($0) }, .moved(messages.count))
        bench.send(sizes: sizes)
        #expect(bench.figures() == [UInt64(sizes.reduce(0, +)), UInt64(sizes.count), 0])
        #expect(
            bench.counts().overheadDownlinkBytes == UInt64(sizes.count * Bench.header.count))
        #expect(bench.counts().overheadUplinkBytes == 0)
    }

    @Test func `datagrams to different peers are not joined and keep their order`() {
        let bench = Bench()
        bench.expect(
            [
                bench.message([10, 10], flow: 0), bench.message([10], flow: 1),
                bench.message([10], flow: 0), bench.message([10], flow: 2),
            ], .moved(4))
        bench.send([0, 0, 1, 0, 2].map { ($0, Bench.bytes(10)) })
        #expect((0..<3).map { bench.figures($0)[1] } == [3, 1, 1])
    }

    @Test func `what the kernel took of a batch is counted, the rest is sent again`() {
        let bench = Bench()
        let messages = [
            bench.message([10], flow: 0), bench.message([20], flow: 1),
            bench.message([30], flow: 2),
        ]
        bench.expect(messages, .moved(1))
        bench.expect(Array(messages[1...]), .moved(2))
        bench.send([(0, Bench.bytes(10)), (1, Bench.bytes(20)), (2, Bench.bytes(30))])
        #expect((0..<3).map { bench.figures($0) } == [[10, 1, 0], [20, 1, 0], [30, 1, 0]])
    }

    @Test func `where the socket is full the rest is dropped, datagram by datagram`() {
        let bench = Bench()
        let messages = [bench.message([10], flow: 0), bench.message([20, 20, 5], flow: 1)]
        bench.expect(messages, .moved(1))
        bench.expect(Array(messages[1...]), .wouldBlock)
        bench.send([
            (0, Bench.bytes(10)), (1, Bench.bytes(20)), (1, Bench.bytes(20)), (1, Bench.bytes(5)),
        ])
        #expect(bench.figures(0) == [10, 1, 0])
        #expect(bench.figures(1) == [0, 0, 3])
        bench.expect([bench.message([1])], .moved(1))
        bench.send(sizes: [1])
        #expect(bench.figures(0) == [11, 2, 0], "nothing of it is left for the next batch")
    }

    @Test(arguments: [22, 5, 90] as [Int32])
    func `a train that is refused goes out one by one, now and from then on`(_ code: Int32) {
        let bench = Bench()
        bench.expect([bench.message([10, 10, 4])], .failed(code))
        bench.expect([bench.message([10])], .moved(1))
        bench.expect([bench.message([10])], .wouldBlock)
        bench.expect([bench.message([4])], .moved(1))
        bench.send(sizes: [10, 10, 4])
        #expect(bench.figures() == [14, 2, 1])
        bench.expect([bench.message([10]), bench.message([10])], .moved(2))
        bench.send(sizes: [10, 10])
        #expect(bench.figures() == [34, 4, 1])
        bench.expect([bench.message([10, 10], flow: 1)], .moved(1))
        bench.send(sizes: [10, 10], flow: 1)
    }

    @Test func `a refused train of replies keeps every header`() {
        let bench = Bench(.downlink)
        bench.expect([bench.message([10, 10, 0])], .failed(22))
        for size in [10, 10, 0] { bench.expect([bench.message([size])], .moved(1)) }
        bench.send(sizes: [10, 10, 0])
        #expect(bench.figures() == [20, 3, 0])
        #expect(bench.counts().overheadDownlinkBytes == 30)
    }

    @Test(arguments: [1, 13, 101, 111] as [Int32])
    func `a message that is refused costs itself and no other`(_ code: Int32) {
        let bench = Bench()
        let messages = [bench.message([10, 10], flow: 0), bench.message([20], flow: 1)]
        bench.expect(messages, .failed(code))
        bench.expect(Array(messages[1...]), .moved(1))
        bench.send([(0, Bench.bytes(10)), (0, Bench.bytes(10)), (1, Bench.bytes(20))])
        #expect(bench.figures(0) == [0, 0, 2])
        #expect(bench.figures(1) == [20, 1, 0])
    }
}

import LinuxIO
import Loop
import Metering
import Model
import PluginKit
import Relay

/// A gateway's data path without a kernel: one loop with relays, the settlement and its plugins,
/// all turned by the calling thread, so that one clock sees the work of every thread.
///
/// ## Concurrency
/// Used by one thread.
final class Bench {
    private let kernel = FreeKernel()
    private let loop: EventLoop
    private let home: EventLoop
    private let workers: [EventLoop]
    private let settlement: Settlement
    private let ledger: Ledger
    private let terms: StreamRelay.Terms
    private let service: MeteredService
    private var relays: [StreamRelay] = []

    private struct NoLoops: Settlement.Loops {
        func release(_ slots: [UInt32], loop: Int) {}
        func cut(_ flows: Set<FlowID>, _ end: FlowEnd) {}
        func setReported(_ guids: Set<String>) {}
    }

    /// A data path whose flows `observers` plugins see, and a reporter if there is one.
    init(observers: Int, reporter: (any TrafficStatsReporter)? = nil) {
        let loop = EventLoop(index: 0, driver: kernel)
        let home = EventLoop(index: 1, driver: FreeKernel())
        let workers = (0..<observers + 1).map { EventLoop(index: 2 + $0, driver: FreeKernel()) }
        let registry = StatsReporterRegistry()
        let settlement = Settlement(
            home: home, loops: NoLoops(), registry: registry,
            makeWorker: { _ in workers[0] }, log: { _, text in print(text) },
            onClosed: { _, _, _, _ in })
        var guids: [String] = []
        for index in 0..<observers {
            guids.append("observer-\(index)")
            settlement.add(Counter(), guid: guids[index], worker: workers[index + 1])
        }
        if let reporter {
            guids.append("reporter")
            registry.register(guid: "reporter", reporter)
        }
        service = MeteredService(
            info: ServiceInfo(service: "bench", handler: "socks5", guids: guids),
            reportsTCP: reporter != nil)
        settlement.add(service)
        let box = LoopConfined(settlement)
        ledger = Ledger(
            loop: loop, boot: BootID(bits: 1), slots: PlainMemory(chunkBytes: 1 << 20),
            texts: PlainMemory(chunkBytes: 1 << 20),
            onReport: { report in home.execute { _ in box.value.take(report) } })
        ledger.setReported(reporter != nil ? Set(service.info.guids) : [])
        terms = StreamRelay.Terms(
            StreamRelay.Context(loop: loop, pipes: PipePool(driver: kernel), ledger: ledger),
            idleNanoseconds: 3_600_000_000_000, onEnd: { _, _ in })
        (self.loop, self.home, self.workers, self.settlement) = (loop, home, workers, settlement)
        onLoop { self.ledger.start() }
    }

    /// An observer that does the least an observer can do.
    private struct Counter: FlowObserver {
        func observe(_ batch: FlowBatch) async throws -> [FlowRuling] { [] }
    }

    /// Opens relays between a client that always sends and an upstream that never does.
    func openRelays(_ count: Int, readBytes: Int) throws {
        kernel.readBytes = readBytes
        for _ in 0..<count {
            let (near, far) = (kernel.open(), kernel.open())
            var streams: [StreamSocket] = []
            onLoop {
                for descriptor in [near, far] {
                    let stream = try? StreamSocket(
                        descriptor, peer: Endpoint(.loopbackV4, 1), loop: self.loop)
                    if let stream { streams.append(stream) }
                }
                self.kernel.report([near, far])
            }
            loop.turn(mayWait: false)
            onLoop { self.start(client: streams[0], upstream: streams[1]) }
            sources.append(near)
        }
        kernel.report(sources)
    }

    private var sources: [Descriptor] = []

    private func start(client: StreamSocket, upstream: StreamSocket) {
        let address = Endpoint(.loopbackV4, 1)
        let flow = FlowInfo(
            id: FlowID(high: 1, low: UInt64(relays.count)), boot: BootID(bits: 1),
            origin: service.info, user: "alice", session: nil, transport: .tcp, client: address,
            destination: address, host: "example.org", listener: address, upstreamLocal: address,
            upstreamRemote: address, openedMilliseconds: 0)
        guard let meter = ledger.open(flow, service: service) else {
            preconditionFailure("no memory for a slot")
        }
        let relay = StreamRelay(
            terms, meter: meter, client: client.detach(), upstream: upstream.detach(),
            early: StreamRelay.Early())
        relay.start()
        relays.append(relay)
    }

    /// Runs a closure as the loop would.
    private func onLoop(_ body: @escaping () -> Void) {
        let box = LoopConfined(body)
        loop.execute { _ in box.value() }
        loop.turn(mayWait: false)
    }

    /// What the data path costs per read: loops, settlement and plugins together.
    func cost(turns: Int, nanosecondsPerTurn: UInt64) -> Cost {
        kernel.waitNanoseconds = nanosecondsPerTurn
        run(turns: turns / 4)
        let reads = kernel.reads
        let cost = Cost.measure { run(turns: turns) }
        return cost.divided(by: kernel.reads - reads)
    }

    private func run(turns: Int) {
        for _ in 0..<turns {
            loop.turn(mayWait: false)
            if home.hasWork { settle() }
        }
    }

    private func settle() {
        while home.hasWork || workers.contains(where: \.hasWork) {
            home.turn(mayWait: false)
            for worker in workers where worker.hasWork { worker.turn(mayWait: false) }
        }
    }
}

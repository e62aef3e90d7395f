import KernelTesting
import LinuxIO
import Loop
import Metering
import Model
import Relay
import Testing

/// Relays on a kernel that a test plays: every call is expected by name.
///
/// ## Concurrency
/// One thread: the test's.
final class RelayScript {
    /// The two sides of a relay and what came of it.
    final class Pair {
        let client: Descriptor
        let upstream: Descriptor
        fileprivate(set) var meter: FlowMeter?
        fileprivate(set) var ends: [FlowEnd] = []

        init(_ number: Int32) {
            client = Descriptor(10 * number)
            upstream = Descriptor(10 * number + 1)
        }

        var counts: FlowCounts { meter?.counts ?? FlowCounts() }
        /// Bytes and reads counted uplink and downlink.
        var figures: [UInt64] {
            [
                counts.uplinkBytes, counts.uplinkPackets, counts.downlinkBytes,
                counts.downlinkPackets,
            ]
        }
    }

    let driver = ScriptedDriver()
    let loop: EventLoop
    let context: StreamRelay.Context
    let ledger: Ledger
    private var pairs: [Pair] = []
    private let service = MeteredService(
        info: ServiceInfo(service: "relay", handler: "test", guids: []))
    /// A pipe for whoever asks first.
    let pipe = Pipe(reading: Descriptor(90), writing: Descriptor(91), capacity: 1 << 20)

    init() {
        loop = EventLoop(index: 0, driver: driver)
        ledger = Ledger(
            loop: loop, boot: BootID(bits: 1), slots: PlainMemory(chunkBytes: 1 << 20),
            texts: PlainMemory(chunkBytes: 1 << 20), onReport: { _ in })
        context = StreamRelay.Context(
            loop: loop, pipes: PipePool(driver: driver), ledger: ledger)
    }

    /// A relay between two streams; both have room unless said otherwise.
    func relay(
        early: [UInt8] = [], answered: [UInt8] = [], idleMilliseconds: UInt64 = 60_000,
        hasRoom: Bool = true
    ) throws -> Pair {
        let pair = Pair(Int32(pairs.count + 1))
        pairs.append(pair)
        loop.perform { loop in
            pair.meter = ledger.open(flow(pair), service: service)
            guard let meter = pair.meter, let client = detached(pair.client),
                let upstream = detached(pair.upstream)
            else { return }
            StreamRelay(
                StreamRelay.Terms(
                    context, idleNanoseconds: idleMilliseconds * 1_000_000,
                    onEnd: { _, end in pair.ends.append(end) }),
                meter: meter, client: client, upstream: upstream,
                early: StreamRelay.Early(uplink: early, downlink: answered)
            ).start()
        }
        _ = try #require(pair.meter)
        if hasRoom && early.isEmpty && answered.isEmpty {
            driver.report(pair.client, .writable)
            driver.report(pair.upstream, .writable)
            loop.turn(mayWait: false)
        }
        return pair
    }

    private func detached(_ descriptor: Descriptor) -> StreamSocket.Detached? {
        let peer = Endpoint(.loopbackV4, UInt16(descriptor.number))
        return try? StreamSocket(descriptor, peer: peer, loop: loop).detach()
    }

    private func flow(_ pair: Pair) -> FlowInfo {
        let address = Endpoint(.loopbackV4, UInt16(pair.client.number))
        return FlowInfo(
            id: FlowID(high: 1, low: UInt64(pair.client.number)), boot: BootID(bits: 1),
            origin: service.info, user: nil, session: nil, transport: .tcp, client: address,
            destination: address, host: nil, listener: address, upstreamLocal: address,
            upstreamRemote: address, openedMilliseconds: 0)
    }

    /// Reports readiness and lets the loop take one turn; every expected call must have come.
    func report(
        _ descriptor: Descriptor, _ readiness: Readiness,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        driver.report(descriptor, readiness, sourceLocation: sourceLocation)
        turn(sourceLocation: sourceLocation)
    }

    func turn(sourceLocation: SourceLocation = #_sourceLocation) {
        loop.turn(mayWait: false)
        driver.verify(sourceLocation: sourceLocation)
    }

    // MARK: Common stretches of a script

    /// A read of one side that the other side takes whole.
    func expectCopy(
        _ bytes: [UInt8], from source: Descriptor, to sink: Descriptor,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        driver.expect(.receive(source), .bytes(bytes), sourceLocation: sourceLocation)
        driver.expect(.send(sink, bytes), .moved(bytes.count), sourceLocation: sourceLocation)
    }

    /// The calls that end a pair.
    func expectClose(
        _ pair: Pair, resets: Bool, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        if resets {
            driver.expect(.resetOnClose(pair.client), sourceLocation: sourceLocation)
            driver.expect(.resetOnClose(pair.upstream), sourceLocation: sourceLocation)
        }
        driver.expect(.close(pair.client), sourceLocation: sourceLocation)
        driver.expect(.close(pair.upstream), sourceLocation: sourceLocation)
    }

    /// Four reads that are large enough to turn the uplink bulk.
    func turnBulk(_ pair: Pair) {
        let block = Payload.bytes(Limits.bulkReadBytes, seed: 1)
        for _ in 0..<Limits.bulkReads {
            expectCopy(block, from: pair.client, to: pair.upstream)
            report(pair.client, .readable)
        }
    }

    /// Cuts a relay as a shutdown does.
    func cut(_ pair: Pair) {
        let end = FlowEnd(by: .gateway, phase: .relay, cause: .shutdown)
        loop.perform { _ in
            guard let meter = pair.meter else { return }
            ledger.cut([meter.flow.id], end)
        }
        driver.verify()
    }

    /// Closes pipes that nobody uses.
    func drain() {
        loop.perform { _ in context.close() }
        driver.verify()
    }
}

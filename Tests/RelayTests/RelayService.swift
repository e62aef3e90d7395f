import Limiting
import LinuxIO
import Loop
import Metering
import Model
import Relay

/// Relays every connection of a listener to one upstream, and keeps what the ledger tells.
///
/// ## Concurrency
/// Confined to its loop.
final class RelayService: ReadinessHandler, TimerHandler {
    let pipes: PipePool
    let shaper: Shaper
    private let limits: [any LimitSource]
    private(set) var events: [LedgerEvent] = []
    private(set) var ends: [FlowEnd] = []
    private(set) var accepted = 0
    private var ledger: Ledger?
    private let loop: EventLoop
    private let listener: Descriptor
    private let upstream: Endpoint
    private let idleNanoseconds: UInt64
    private let service = MeteredService(
        info: ServiceInfo(service: "relay", handler: "test", guids: ["g"]))
    private var registration = Registration.none
    private var rest = TimerToken.none

    init(
        at endpoint: Endpoint, upstream: Endpoint, idleMilliseconds: UInt64, loop: EventLoop,
        limits: [any LimitSource] = []
    ) throws(Errno) {
        shaper = Shaper(loop: loop)
        self.limits = limits
        self.loop = loop
        self.upstream = upstream
        idleNanoseconds = idleMilliseconds * 1_000_000
        pipes = PipePool(driver: loop.driver)
        listener = try loop.driver.listen(at: endpoint, options: ListenOptions(isShared: true))
        registration = try loop.register(listener, self, tag: 0)
        let ledger = Ledger(
            loop: loop, boot: BootID(bits: 1), slots: PlainMemory(chunkBytes: 1 << 20),
            texts: PlainMemory(chunkBytes: 1 << 20)
        ) { [unowned self] in events += $0.events }
        self.ledger = ledger
        ledger.start()
    }

    /// The flows that are open now.
    var openCount: Int { ledger?.openCount ?? 0 }

    func descriptorReady(_ readiness: Readiness, tag: UInt8) { acceptAll() }
    func timerFired(tag: UInt8) { acceptAll() }

    private func acceptAll() {
        while true {
            switch loop.driver.accept(listener) {
            case .connection(let descriptor, let peer):
                accepted += 1
                loop.start { await self.serve(descriptor, peer) }
            case .wouldBlock:
                return
            case .lost:
                continue
            case .exhausted:
                loop.cancel(rest)
                rest = loop.arm(afterNanoseconds: 100_000_000, self)
                return
            }
        }
    }

    private func serve(_ descriptor: Descriptor, _ peer: Endpoint) async {
        guard let client = try? StreamSocket(descriptor, peer: peer, loop: loop) else { return }
        do throws(StreamFault) {
            let upstream = try await StreamSocket.connect(
                to: upstream, loop: loop,
                deadlineNanoseconds: loop.nowNanoseconds + 10_000_000_000, onStart: { _ in })
            relay(client, upstream)
        } catch {
            client.reset()
        }
    }

    private func relay(_ client: StreamSocket, _ upstream: StreamSocket) {
        let flow = FlowInfo(
            id: FlowID(high: loop.driver.randomWord(), low: loop.driver.randomWord()),
            boot: BootID(bits: 1), origin: service.info, user: nil, session: nil, transport: .tcp,
            client: client.peer, destination: upstream.peer, host: nil, listener: upstream.peer,
            upstreamLocal: upstream.peer, upstreamRemote: upstream.peer,
            openedMilliseconds: loop.driver.wallMilliseconds())
        guard let ledger, let meter = ledger.open(flow, service: service) else { return }
        StreamRelay(
            StreamRelay.Terms(
                StreamRelay.Context(loop: loop, pipes: pipes, ledger: ledger),
                idleNanoseconds: idleNanoseconds,
                onEnd: { [self] _, end in ends.append(end) }),
            meter: meter, client: client.detach(), upstream: upstream.detach(),
            early: StreamRelay.Early(),
            limits: limits.isEmpty
                ? nil
                : FlowLimits(
                    shaper, limits,
                    LimitedSubject(address: client.peer.address, user: nil))
        ).start()
    }

    /// Stops listening and lets go of everything that no flow uses.
    func close() {
        loop.cancel(rest)
        loop.close(listener, registration)
        pipes.drain()
        ledger?.stop()
    }
}

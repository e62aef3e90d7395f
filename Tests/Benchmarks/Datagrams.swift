import Limiting
import LinuxIO
import Loop
import Metering
import Model
import Relay

/// Lets every datagram go where it wants and opens a meter for each client.
///
/// ## Concurrency
/// Confined to its loop.
private final class OpenPolicy: DatagramPolicy {
    private let ledger: Ledger
    private let service: MeteredService

    init(_ ledger: Ledger) {
        self.ledger = ledger
        service = MeteredService(
            info: ServiceInfo(service: "bench", handler: "udp", guids: ["one"]))
    }

    func route(
        _ destination: Destination, client: Endpoint, later: @escaping (Endpoint?) -> Void
    ) -> DatagramRoute {
        .to(Endpoint(.loopbackV4, 9))
    }

    func open(
        client: Endpoint, destination: Endpoint, host: String?, listener: Endpoint, far: FarSide
    ) -> FlowMeter? {
        let flow = FlowInfo(
            id: FlowID(high: 2, low: UInt64(client.port)), boot: BootID(bits: 1),
            origin: service.info, user: nil, session: nil, transport: .udp, client: client,
            destination: destination, host: host, listener: listener, upstreamLocal: far.local,
            upstreamRemote: destination, openedMilliseconds: 0)
        return ledger.open(flow, service: service)
    }

    func admit(client: Endpoint) -> DatagramAdmission { .admitted(nil) }
    func ended(_ flow: FlowInfo, _ counts: FlowCounts, _ end: FlowEnd) {}
}

/// What forwarding costs per datagram, metered.
func datagrams(clients: Int, trainLength: Int) throws -> Cost {
    let kernel = FreeKernel()
    kernel.readBytes = 512
    kernel.clients = clients
    kernel.trainLength = trainLength
    let loop = EventLoop(index: 0, driver: kernel)
    let ledger = Ledger(
        loop: loop, boot: BootID(bits: 1), slots: PlainMemory(chunkBytes: 1 << 20),
        texts: PlainMemory(chunkBytes: 1 << 20), onReport: { _ in })
    let policy = OpenPolicy(ledger)
    let destination = Destination(Endpoint(.loopbackV4, 9))
    let forwarder = try DatagramForwarder(
        DatagramContext(loop: loop, ledger: ledger), policy: policy,
        at: Endpoint(.loopbackV4, 53), isShared: false, idleNanoseconds: 3_600_000_000_000,
        nextTarget: { _ in destination })
    let box = LoopConfined((forwarder, ledger))
    loop.execute { _ in
        box.value.1.start()
        try? box.value.0.start()
    }
    loop.turn(mayWait: false)
    kernel.report([kernel.datagramSource])
    // 3 µs of the kernel's time for each message, as a busy core needs.
    kernel.waitNanoseconds = UInt64(Limits.transfersPerTurn * Limits.datagramsPerReceive * 3_000)
    for _ in 0..<1_000 { loop.turn(mayWait: false) }
    return Cost.best(of: 3) {
        let count = kernel.reads
        let cost = Cost.measure { for _ in 0..<10_000 { loop.turn(mayWait: false) } }
        return cost.divided(by: kernel.reads - count)
    }
}

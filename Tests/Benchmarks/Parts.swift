import LinuxIO
import Loop
import Metering
import Model

/// A handler that reads and writes and does nothing else.
private final class BareRelay: ReadinessHandler {
    private let driver: any IODriver
    private let scratch: UnsafeMutableRawBufferPointer
    let near: Descriptor
    private let far: Descriptor

    init(_ kernel: FreeKernel, _ loop: EventLoop) {
        driver = kernel
        scratch = loop.scratch
        (near, far) = (kernel.open(), kernel.open())
    }

    func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        guard case .bytes(let count) = driver.receive(near, into: scratch) else { return }
        _ = driver.send(far, UnsafeRawBufferPointer(rebasing: scratch[..<count]))
    }
}

/// What loop and kernel cost per read without a relay machine and without metering.
func bare() -> Cost {
    let kernel = FreeKernel()
    let loop = EventLoop(index: 0, driver: kernel)
    let relays = (0..<64).map { _ in BareRelay(kernel, loop) }
    let box = LoopConfined(relays)
    loop.execute { loop in
        for relay in box.value { _ = try? loop.register(relay.near, relay, tag: 0) }
    }
    loop.turn(mayWait: false)
    kernel.report(relays.map(\.near))
    kernel.waitNanoseconds = 640_000
    return Cost.best(of: 3) {
        let reads = kernel.reads
        let cost = Cost.measure { for _ in 0..<20_000 { loop.turn(mayWait: false) } }
        return cost.divided(by: kernel.reads - reads)
    }
}

/// What `FlowMeter.count` costs.
func counting() -> Cost {
    let loop = EventLoop(index: 0, driver: FreeKernel())
    let ledger = Ledger(
        loop: loop, boot: BootID(bits: 1), slots: PlainMemory(chunkBytes: 1 << 20),
        texts: PlainMemory(chunkBytes: 1 << 20), onReport: { _ in })
    let address = Endpoint(.loopbackV4, 1)
    let service = MeteredService(
        info: ServiceInfo(service: "bench", handler: "socks5", guids: ["one"]))
    let flow = FlowInfo(
        id: FlowID(high: 1, low: 1), boot: BootID(bits: 1), origin: service.info, user: nil,
        session: nil, transport: .tcp, client: address, destination: address, host: nil,
        listener: address, upstreamLocal: address, upstreamRemote: address, openedMilliseconds: 0)
    let box = LoopConfined((ledger, flow, service))
    let result = LoopConfined(Opened())
    loop.execute { _ in
        let (ledger, flow, service) = box.value
        result.value.meter = ledger.open(flow, service: service)
    }
    loop.turn(mayWait: false)
    guard let meter = result.value.meter else { preconditionFailure("no memory for a slot") }
    let count = 10_000_000
    return Cost.best(of: 3) {
        Cost.measure {
            for index in 0..<count { meter.count(.uplink, bytes: index & 63, packets: 1) }
        }.divided(by: count)
    }
}

private final class Opened {
    var meter: FlowMeter?
}

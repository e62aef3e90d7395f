import KernelTesting
import Limiting
import LinuxIO
import Loop
import Metering
import Model
import Relay
import Testing

/// What stands in front of datagram relays in these tests: every destination is allowed, names are
/// answered when the test says so, and the ledger's totals are kept.
///
/// ## Concurrency
/// Confined to its loop.
final class DatagramBench: DatagramPolicy {
    static let gateway = Endpoint(IPAddress(v4: 0xc633_6401), 1081)

    let simulation: Simulation
    private let faults: Faults
    let client: SimulatedPeer
    /// Answers that names wait for.
    private(set) var unanswered: [(Endpoint?) -> Void] = []
    /// Each ended flow with its totals.
    private(set) var ended: [(flow: FlowInfo, counts: FlowCounts, end: FlowEnd)] = []
    /// Destinations that are refused.
    var refused: Set<Endpoint> = []
    /// Names that are answered at once.
    var names: [String: Endpoint] = [:]
    /// How often it was asked where to go.
    private(set) var askedCount = 0
    private(set) var context: DatagramContext?
    private var ledger: Ledger?
    /// What limits clients, by their address.
    var limits: [any LimitSource] = []
    private(set) var shaper: Shaper?
    private let service = MeteredService(
        info: ServiceInfo(service: "udp", handler: "test", guids: []))

    init(seed: UInt64, faults: Faults = .none) {
        simulation = Simulation(seed: seed)
        self.faults = faults
        client = simulation.peer("203.0.113.9")
        simulation.onLoop { loop in
            let ledger = Ledger(
                loop: loop, boot: BootID(bits: 1), slots: PlainMemory(chunkBytes: 1 << 20),
                texts: PlainMemory(chunkBytes: 1 << 20), onReport: { _ in })
            self.ledger = ledger
            context = DatagramContext(loop: loop, ledger: ledger)
            shaper = Shaper(loop: loop)
        }
    }

    func route(
        _ destination: Destination, client: Endpoint, later: @escaping (Endpoint?) -> Void
    ) -> DatagramRoute {
        askedCount += 1
        if let endpoint = names[destination.name ?? ""] { return .to(endpoint) }
        guard case .address(let address) = destination.host else {
            unanswered.append(later)
            return .pending
        }
        let endpoint = Endpoint(address, destination.port)
        return refused.contains(endpoint) ? .refused : .to(endpoint)
    }

    func open(
        client: Endpoint, destination: Endpoint, host: String?, listener: Endpoint, far: FarSide
    ) -> FlowMeter? {
        let driver = simulation.drivers[0]
        let flow = FlowInfo(
            id: FlowID(high: driver.randomWord(), low: driver.randomWord()),
            boot: BootID(bits: 1), origin: service.info, user: nil, session: nil, transport: .udp,
            client: client, destination: destination, host: host, listener: listener,
            upstreamLocal: far.local, upstreamRemote: destination,
            openedMilliseconds: driver.wallMilliseconds())
        return ledger?.open(flow, service: service)
    }

    func admit(client: Endpoint) -> DatagramAdmission {
        guard let shaper, !limits.isEmpty else { return .admitted(nil) }
        let subject = LimitedSubject(address: client.address, user: nil)
        return .admitted(FlowLimits(shaper, limits, subject))
    }

    func ended(_ flow: FlowInfo, _ counts: FlowCounts, _ end: FlowEnd) {
        ended.append((flow, counts, end))
    }

    /// Answers the names that wait.
    func answer(_ endpoint: Endpoint?) {
        simulation.onLoop { _ in
            let answers = unanswered
            unanswered = []
            for answer in answers { answer(endpoint) }
        }
    }

    /// The totals of all ended flows.
    var totals: FlowCounts {
        ended.reduce(into: FlowCounts()) { sum, flow in
            sum.uplinkBytes += flow.counts.uplinkBytes
            sum.uplinkPackets += flow.counts.uplinkPackets
            sum.downlinkBytes += flow.counts.downlinkBytes
            sum.downlinkPackets += flow.counts.downlinkPackets
            sum.overheadUplinkBytes += flow.counts.overheadUplinkBytes
            sum.overheadDownlinkBytes += flow.counts.overheadDownlinkBytes
            sum.droppedPackets += flow.counts.droppedPackets
        }
    }

    /// An association for the client, and where it listens.
    func associate(
        idleMilliseconds: UInt64 = 60_000, clientPort: UInt16 = 0
    ) throws -> SOCKSAssociation {
        var association: SOCKSAssociation?
        simulation.onLoop { _ in
            guard let context else { return }
            guard let far = try? FarSide.direct(context) else { return }
            association = try? SOCKSAssociation(
                context, policy: self, client: Endpoint(client.address, clientPort),
                at: Self.gateway,
                idleNanoseconds: idleMilliseconds * 1_000_000, far: far)
            try? association?.start()
        }
        simulation.kernel.faults = faults
        return try #require(association)
    }

    /// A forwarder to one target.
    func forward(
        to target: Destination, idleMilliseconds: UInt64 = 60_000
    ) throws -> DatagramForwarder {
        var forwarder: DatagramForwarder?
        simulation.onLoop { _ in
            guard let context else { return }
            forwarder = try? DatagramForwarder(
                context, policy: self, at: Self.gateway, isShared: false,
                idleNanoseconds: idleMilliseconds * 1_000_000, nextTarget: { _ in target })
            try? forwarder?.start()
        }
        simulation.kernel.faults = faults
        return try #require(forwarder)
    }

    /// Ends flows as a plugin's ruling does.
    func cut(_ flows: Set<FlowID>) {
        let ruled = FlowEnd(by: .gateway, phase: .relay, cause: .ruled)
        simulation.onLoop { _ in ledger?.cut(flows, ruled) }
    }

    /// Open flows to a destination.
    func flows(to destination: Endpoint) -> Set<FlowID> {
        var found: Set<FlowID> = []
        simulation.onLoop { _ in
            ledger?.forEachOpen { meter in
                if meter.flow.destination == destination { found.insert(meter.flow.id) }
            }
        }
        return found
    }

    /// Flows that are open now.
    var openCount: Int { ledger?.openCount ?? 0 }

    static let shutdown = FlowEnd(by: .gateway, phase: .relay, cause: .shutdown)

    /// The SOCKS5 header in front of a datagram to an IPv4 endpoint, RFC 1928 §7.
    static func header(_ endpoint: Endpoint, fragment: UInt8 = 0) -> [UInt8] {
        [0, 0, fragment, 1] + (12..<16).map { endpoint.address[$0] }
            + [UInt8(endpoint.port >> 8), UInt8(endpoint.port & 255)]
    }

    /// The same with a name, RFC 1928 §5.
    static func header(_ name: String, _ port: UInt16) -> [UInt8] {
        [0, 0, 0, 3, UInt8(name.utf8.count)] + Array(name.utf8)
            + [UInt8(port >> 8), UInt8(port & 255)]
    }
}

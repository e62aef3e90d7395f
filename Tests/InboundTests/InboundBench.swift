import Codecs
import Inbound
import KernelTesting
import Limiting
import LinuxIO
import Loop
import Metering
import Model
import PluginKit
import Relay
import Routing
import Synchronization
import Testing

/// One service on one simulated loop, with all that happens around it recorded.
final class InboundBench {
    /// What a service is made of; tests change what they are about.
    struct Service {
        var handler = HandlerSettings.socks(
            SOCKSSettings(servesDatagrams: true, servesBind: true))
        var authers: [LoginGate.Auther] = []
        var exempt: [IPPrefix] = []
        var throttle = LoginThrottle()
        var admissions: [PluginAdmission] = []
        var clients = AdmissionGroup.everybody
        var bypasses = BypassGroup.none
        /// Addresses that policy forbids.
        var forbidden: Set<IPAddress> = []
        var handshakeNanoseconds: UInt64 = 15_000_000_000
        var dialNanoseconds: UInt64 = 10_000_000_000
        var limits: [any LimitSource] = []
        var arrivals: ArrivalGate?
        var introducers: Introducers?
        var route = Router.Plan()
        var introducing: ProxyProtocol.Version?
    }

    /// Log lines, each as `event reason`.
    final class Lines: Sendable {
        private let lines = Mutex<[String]>([])

        var all: [String] { lines.withLock { $0 } }

        var journal: Journal {
            Journal(threshold: .trace) { [self] _, event, fields in
                let reason = fields.first { $0.name == "reason" || $0.name == "error" }?.value
                lines.withLock { $0.append(event + (reason.map { " " + $0 } ?? "")) }
            }
        }
    }

    /// Knows every name by a table.
    final class Names: NameResolver {
        var addresses: [String: [IPAddress]] = [:]
        var fault = NameFault.notFound

        func resolve(
            _ name: String, deadlineNanoseconds: UInt64
        ) async throws(NameFault) -> [IPAddress] {
            guard let found = addresses[name] else { throw fault }
            return found
        }
    }

    static let address = Endpoint(IPAddress(v4: 0xc633_6401), 1080)
    static let clientHost = "203.0.113.9"

    let simulation: Simulation
    let lines = Lines()
    let names = Names()
    private(set) var station: Station
    private(set) var desk: ServiceDesk
    /// What the ledger handed over so far.
    private(set) var events: [LedgerEvent] = []
    private var listener: Listener?

    init(
        _ service: Service = Service(), workers: WorkerBox = WorkerBox(), seed: UInt64 = 1,
        faults: Faults = .none
    ) throws {
        simulation = workers.simulation ?? Simulation(seed: seed, faults: faults)
        let loop = simulation.loops[0]
        let boot = BootID(bits: 7)
        let (slots, texts) = (
            PlainMemory(chunkBytes: MeterFiles.slotChunkBytes),
            PlainMemory(chunkBytes: MeterFiles.textChunkBytes)
        )
        var hand: (LedgerReport) -> Void = { _ in }
        let ledger = Ledger(
            loop: loop, boot: boot, slots: slots, texts: texts, onReport: { hand($0) })
        station = Station(
            loop: loop, boot: boot, ledger: ledger, sessions: SessionTable(),
            pool: try BlockingPool(threads: 0, capacity: 1), journal: lines.journal)
        let info = ServiceInfo(service: "test", handler: "socks5", guids: [])
        let settings = ServiceSettings(
            metered: MeteredService(info: info),
            gate: LoginGate(
                service: "test", authers: service.authers, exempt: service.exempt,
                throttle: service.throttle),
            handshakeNanoseconds: service.handshakeNanoseconds,
            dialNanoseconds: service.dialNanoseconds,
            streamIdleNanoseconds: 600_000_000_000, datagramIdleNanoseconds: 60_000_000_000,
            handler: service.handler, introducers: service.introducers,
            introducing: service.introducing, limits: service.limits,
            arrivals: service.arrivals, clients: service.clients, bypasses: service.bypasses)
        let forbidden = service.forbidden
        desk = ServiceDesk(
            station: station, settings: settings, admissions: service.admissions, resolver: names,
            guarding: { endpoint, _ in forbidden.contains(endpoint.address) ? "forbidden" : nil },
            route: service.route)
        hand = { [unowned self] report in
            events += report.events
            let slots = report.events.compactMap { event -> UInt32? in
                if case .closed(_, _, _, _, let slot) = event { slot } else { nil }
            }
            station.ledger.release(slots)
        }
        simulation.onLoop { _ in
            station.ledger.start()
            listen()
        }
        #expect(listener != nil)
    }

    private func listen() {
        let desk = desk
        let opened = try? Listener(
            station, at: Self.address, isShared: false, takes: { desk.takes($0) },
            serve: { await desk.serve($0) })
        guard let opened, (try? opened.start()) != nil else { return }
        listener = opened
    }

    /// Closes the service's address.
    func stopAccepting() {
        simulation.onLoop { _ in listener?.close() }
        listener = nil
    }

    // MARK: Clients and origins

    /// A client of the service.
    func client(from host: String = clientHost) throws -> PeerStream {
        try simulation.peer(host).connect(to: Self.address)
    }

    /// Sends bytes and returns what has come since, after all has settled for so long.
    func exchange(
        _ client: PeerStream, _ bytes: [UInt8], milliseconds: UInt64 = 100
    ) -> [UInt8] {
        let before = client.received.count
        client.send(bytes)
        simulation.run(milliseconds: milliseconds)
        return Array(client.received[before...])
    }

    // MARK: Facts

    /// Has the ledger hand over what it would hand over a moment later.
    private func settle() { simulation.onLoop { [station] _ in station.ledger.settle() } }

    /// Flows that were opened.
    var opened: [FlowInfo] {
        settle()
        return events.compactMap { if case .opened(let flow) = $0 { flow } else { nil } }
    }

    /// Flows that have ended, with their totals.
    var closed: [(flow: FlowInfo, counts: FlowCounts, end: FlowEnd)] {
        settle()
        return events.compactMap { event in
            if case .closed(let flow, let counts, let end, _, _) = event {
                (flow, counts, end)
            } else {
                nil
            }
        }
    }

    /// Checks that nothing is open but the service's address, and that no task waits.
    func expectRest(_ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
        let own = listener == nil ? 0 : 1
        #expect(
            simulation.loops[0].registrationCount == own, comment, sourceLocation: sourceLocation)
        #expect(
            simulation.kernel.openDescriptorCount == own, comment, sourceLocation: sourceLocation)
        #expect(station.isQuiet, comment, sourceLocation: sourceLocation)
    }
}

/// A plugin's worker in a simulation that does not have its bench yet.
final class WorkerBox {
    private(set) var simulation: Simulation?

    /// One more loop of the simulation.
    var worker: EventLoop {
        let simulation = simulation ?? Simulation(seed: 1)
        self.simulation = simulation
        return simulation.addLoop(index: -1)
    }
}

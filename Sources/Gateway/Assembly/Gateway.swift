import Configuration
import Crypto
package import Inbound
import LinuxIO
package import Loop
import Metering
package import Model
import Options
package import PluginKit
package import Routing

/// A running gateway: loops, services, meters and plugins, from start to drain.
///
/// Start, in this order; a failure undoes what came before it:
/// 1. the control loop's settlement and the plugins;
/// 2. flows of dead runs are told to the plugins;
/// 3. one site per loop, and every service on every site;
/// 4. the admin socket.
/// Drain goes the other way: stop accepting, wait for flows, cut the rest, settle, stop plugins.
///
/// ## Concurrency
/// Confined to the control loop. `Gateway.start` makes it there.
package final class Gateway {
    private let home: EventLoop
    private let environment: any GatewayEnvironment
    private let configuration: PreparedConfiguration
    private let journal: Journal
    private let flowLog: FlowLog
    private let registry: StatsReporterRegistry
    private let boot: BootID
    private let own: OwnEndpoints
    private let sessions = SessionTable()
    private let plugins: PluginSet
    private let names: NameServices
    private let pool: BlockingPool
    private var settlement: Settlement?
    private var sites: [SiteHandle] = []
    private var admin: AdminServer?
    private var isStopping = false
    /// Where each service listens.
    package private(set) var endpoints: [(service: String, endpoint: Endpoint)] = []

    /// A loop with its site and its meter's files.
    struct SiteHandle: Sendable {
        let loop: EventLoop
        let site: LoopConfined<Site>
        let remove: LoopConfined<() -> Void>
    }

    /// What a gateway is started from.
    package struct Plan {
        package let configuration: PreparedConfiguration
        package let environment: any GatewayEnvironment
        package let home: EventLoop
        package let journal: Journal
        package let logWriter: LogWriter?
        package let registry: StatsReporterRegistry
        package let loopCount: Int
        package let pool: BlockingPool
        package let systemFiles: SystemFiles

        package init(
            configuration: PreparedConfiguration, environment: any GatewayEnvironment,
            home: EventLoop, journal: Journal, logWriter: LogWriter?,
            registry: StatsReporterRegistry, loopCount: Int, pool: BlockingPool,
            systemFiles: SystemFiles
        ) {
            self.configuration = configuration
            self.environment = environment
            self.home = home
            self.journal = journal
            self.logWriter = logWriter
            self.registry = registry
            self.loopCount = loopCount
            self.pool = pool
            self.systemFiles = systemFiles
        }
    }

    private init(_ plan: Plan) {
        home = plan.home
        environment = plan.environment
        configuration = plan.configuration
        journal = plan.journal
        flowLog = FlowLog(journal: plan.journal, writer: plan.logWriter)
        registry = plan.registry
        pool = plan.pool
        own = OwnEndpoints(localAddresses: plan.systemFiles.localAddresses)
        boot = BootID(bits: plan.home.driver.randomWord())
        plugins = PluginSet(environment: plan.environment, journal: plan.journal)
        names = NameServices(
            options: plan.configuration.loaded.options, files: plan.systemFiles, pool: plan.pool)
    }

    /// Starts a gateway on its control loop. When it throws, nothing is left running.
    package static func start(_ plan: Plan) async throws(StartFault) -> Gateway {
        let gateway = Gateway(plan)
        do throws(StartFault) {
            try await gateway.open(loopCount: plan.loopCount)
            return gateway
        } catch {
            _ = await gateway.stop(withinNanoseconds: 0)
            throw error
        }
    }

    // MARK: Start

    private func open(loopCount: Int) async throws(StartFault) {
        let driver = LoopConfined(home.driver)
        for prepared in configuration.plugins {
            try await plugins.start(
                prepared, boot: boot, stateDirectory: environment.stateDirectory ?? "",
                wallMilliseconds: { driver.value.wallMilliseconds() })
        }
        let settlement = makeSettlement()
        self.settlement = settlement
        warnOfUnknownGUIDs()
        try recover(settlement)
        do {
            for index in 0..<loopCount { sites.append(try await makeSite(index, settlement)) }
        } catch {
            throw StartFault("a loop does not start: \(error)")
        }
        watchReporters(settlement)
        try await openServices(settlement)
        try openAdmin()
        journal(.info, "ready", [("boot", boot.description), ("loops", String(loopCount))])
    }

    private func makeSettlement() -> Settlement {
        let (environment, log, flowLog) = (environment, journal, flowLog)
        let settlement = Settlement(
            home: home, loops: SiteCalls(self), registry: registry,
            makeWorker: { name in try environment.makeLoop(name: name, index: -1) },
            log: { level, line in log(level, line) },
            onClosed: { flowLog.write($0, $1, $2, $3) })
        return settlement
    }

    /// A GUID may still be registered in code later, so this is no error.
    private func warnOfUnknownGUIDs() {
        for guid in configuration.loaded.options.unknownGUIDs
        where registry.reporter(guid: guid.value) == nil {
            journal(
                .warn, "no plugin has this GUID; its flows are metered by nobody until one does",
                [
                    ("guid", guid.value), ("at", guid.location.description),
                ])
        }
    }

    private func recover(_ settlement: Settlement) throws(StartFault) {
        let remains: [DeadBootRemains]
        do {
            remains = try environment.findDeadBoots(except: boot)
        } catch {
            throw StartFault("meters of an earlier run cannot be read: \(error)")
        }
        plugins.attach(to: settlement, registry: registry)
        for dead in remains {
            journal(
                .warn, "an earlier run died; its flows are closed",
                [
                    ("boot", dead.boot.boot.description), ("flows", String(dead.boot.flows.count)),
                    ("unreadable", String(dead.boot.unreadableSlots)),
                ])
            settlement.recover(dead.boot, done: dead.remove)
        }
    }

    private func makeSite(_ index: Int, _ settlement: Settlement) async throws -> SiteHandle {
        let memory = try environment.makeMeterMemory(boot: boot, loop: index)
        let loop = try environment.makeLoop(name: "weir-loop-\(index)", index: index)
        let (home, boot) = (home, boot)
        let (sessions, pool, journal) = (sessions, pool, journal)
        let node = configuration.loaded.options.runtime.node
        let (slots, texts) = (LoopConfined(memory.slots), LoopConfined(memory.texts))
        let target = LoopConfined(settlement)
        let site = await loop.perform { loop in
            let ledger = Ledger(
                loop: loop, boot: boot, slots: slots.value, texts: texts.value,
                onVolatile: {
                    journal(
                        .error,
                        "no space for meters: flows are metered in memory alone, and a "
                            + "crash loses them until the next start")
                },
                onReport: { report in home.execute { _ in target.value.take(report) } })
            ledger.start()
            let station = Station(
                loop: loop, boot: boot, ledger: ledger, sessions: sessions, pool: pool,
                journal: journal, node: node)
            return LoopConfined(Site(station))
        }
        return SiteHandle(loop: loop, site: site, remove: LoopConfined(memory.remove))
    }

    private func watchReporters(_ settlement: Settlement) {
        let (home, target) = (home, LoopConfined(settlement))
        registry.observeChanges { home.execute { _ in target.value.reportersChanged() } }
        settlement.reportersChanged()
    }

    private func openServices(_ settlement: Settlement) async throws(StartFault) {
        let digest: KeyedDigest
        do throws(CryptoFailure) {
            digest = try KeyedDigest()
        } catch {
            throw StartFault("no random bytes: \(error)")
        }
        let planner = ServicePlanner(
            options: configuration.loaded.options, plugins: plugins, own: own,
            throttle: LoginThrottle(), digest: digest, names: names)
        for service in configuration.loaded.options.services {
            let plan = try planner.plan(service)
            settlement.add(plan.settings.metered)
            let endpoint = try await open(plan)
            own.add(endpoint)
            endpoints.append((service.name.value, endpoint))
            journal(
                .info, "listening",
                [
                    ("service", service.name.value), ("handler", service.handler.type.value),
                    ("address", endpoint.description), ("transport", plan.transport.name),
                ])
        }
    }

    /// Opens a service on every loop. The first binds the address for itself alone and lets go of
    /// it again, so that a second gateway on the address is found out although loops share it.
    private func open(_ plan: ServicePlan) async throws(StartFault) -> Endpoint {
        var endpoint = plan.address.value
        if sites.count > 1 { endpoint = try await probe(plan, endpoint) }
        let isShared = sites.count > 1
        for handle in sites {
            let (site, wanted) = (handle.site, endpoint)
            let result = await handle.loop.perform { _ -> Result<Endpoint, Errno> in
                Result { () throws(Errno) in
                    try site.value.open(plan, at: wanted, isShared: isShared)
                }
            }
            endpoint = try listening(result, plan)
        }
        return endpoint
    }

    private func probe(_ plan: ServicePlan, _ endpoint: Endpoint) async throws(StartFault)
        -> Endpoint
    {
        let transport = plan.transport
        let result = await sites[0].loop.perform { loop -> Result<Endpoint, Errno> in
            Result { () throws(Errno) in
                let driver = loop.driver
                let descriptor: Descriptor
                switch transport {
                case .tcp: descriptor = try driver.listen(at: endpoint, options: ListenOptions())
                case .udp:
                    descriptor = try driver.bindDatagrams(at: endpoint, options: DatagramOptions())
                }
                defer { driver.close(descriptor) }
                return try driver.localEndpoint(descriptor)
            }
        }
        return try listening(result, plan)
    }

    private func listening(
        _ result: Result<Endpoint, Errno>, _ plan: ServicePlan
    ) throws(StartFault) -> Endpoint {
        do throws(Errno) {
            return try result.get()
        } catch {
            let hint =
                error == Errno.addressInUse ? "; another program listens there" : ""
            throw StartFault(
                "\(plan.address.location): service '\(plan.settings.metered.info.service)' cannot "
                    + "listen on \(plan.address.value): \(error)\(hint)")
        }
    }

    private func openAdmin() throws(StartFault) {
        guard configuration.loaded.options.runtime.hasAdminSocket,
            let directory = environment.stateDirectory
        else { return }
        let path = directory + "/admin.sock"
        do throws(Errno) {
            let admin = try AdminServer(gateway: self, home: home, path: path, journal: journal)
            try admin.start()
            self.admin = admin
        } catch {
            throw StartFault("the admin socket '\(path)' cannot be opened: \(error)")
        }
    }

    // MARK: What runs

    /// The flows open now, of all loops.
    func openFlows() async -> [FlowRecord] {
        var records: [FlowRecord] = []
        for handle in sites {
            let site = handle.site
            records += await handle.loop.perform { _ in site.value.openFlows() }
        }
        return records
    }

    /// Returns when everything counted until now was taken by every observer, or the time is over.
    func settle(withinNanoseconds limit: UInt64) async -> Bool {
        for handle in sites {
            let site = handle.site
            await handle.loop.perform { _ in site.value.station.ledger.settle() }
        }
        await takeReports()
        guard let settlement else { return true }
        return await home.wait(nanoseconds: limit) { done in settlement.whenIdle(done) }
    }

    /// Returns when every report that a loop has handed over is with the settlement. A loop that
    /// answers before its asker waits does not come by the mailbox, where its report still lies.
    private func takeReports() async { await home.perform { _ in } }

    /// Flows and packets that plugins lost because they stayed behind.
    var drops: [(guid: String, flows: UInt64, packets: UInt64)] { settlement?.drops ?? [] }

    /// Passes a call on to every loop.
    func onEverySite(_ body: @escaping @Sendable (Site) -> Void) {
        for handle in sites {
            let site = handle.site
            handle.loop.execute { _ in body(site.value) }
        }
    }

    /// Passes a call on to one loop; after the stop there is none.
    func onSite(_ index: Int, _ body: @escaping @Sendable (Site) -> Void) {
        guard index < sites.count else { return }
        let site = sites[index].site
        sites[index].loop.execute { _ in body(site.value) }
    }

    // MARK: Stop

    /// Stops accepting, lets flows finish for so long, cuts the rest, and hands every count to
    /// the plugins. The result is whether all was stored; what was not is told at the next start.
    package func drain(withinNanoseconds limit: UInt64) async -> Bool {
        isStopping = true
        journal(.info, "draining", [("seconds", String(limit / 1_000_000_000))])
        let end = home.nowNanoseconds + limit
        for handle in sites {
            let site = handle.site
            await handle.loop.perform { _ in site.value.stopAccepting() }
        }
        while home.nowNanoseconds < end, await !isQuiet() {
            await home.sleep(nanoseconds: 20_000_000)
            if mustCut { break }
        }
        let isClean = await stop(withinNanoseconds: 5_000_000_000)
        journal(.info, isClean ? "stopped" : "stopped; not every meter was stored")
        return isClean
    }

    /// Ends a drain that waits for flows.
    package func cutNow() { mustCut = true }
    private var mustCut = false

    private func isQuiet() async -> Bool {
        for handle in sites {
            let site = handle.site
            if await !handle.loop.perform({ _ in site.value.station.isQuiet }) { return false }
        }
        return true
    }

    private func stop(withinNanoseconds limit: UInt64) async -> Bool {
        admin?.close()
        admin = nil
        for handle in sites {
            let site = handle.site
            await handle.loop.perform { _ in
                site.value.stopAccepting()
                site.value.cut()
            }
        }
        let end = home.nowNanoseconds + 1_000_000_000
        while home.nowNanoseconds < end, await !isQuiet() {
            await home.sleep(nanoseconds: 5_000_000)
        }
        for handle in sites {
            let site = handle.site
            await handle.loop.perform { _ in site.value.close() }
        }
        await takeReports()
        var isClean = true
        if let settlement {
            isClean = await home.wait(nanoseconds: limit) { done in settlement.whenIdle(done) }
            isClean = isClean && settlement.isSettled
        }
        let stopped = await plugins.stop(home: home, withinNanoseconds: 5_000_000_000)
        for handle in sites {
            environment.endLoop(handle.loop)
            if isClean { handle.remove.value() }
        }
        sites.removeAll()
        return isClean && stopped
    }
}

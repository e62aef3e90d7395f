package import Configuration
import Crypto
import HTTPClient
import HTTPService
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
/// 4. the admin socket, the API and the metrics.
/// Drain goes the other way: stop accepting, wait for flows, cut the rest, settle, stop plugins.
///
/// ## Concurrency
/// Confined to the control loop. `Gateway.start` makes it there.
package final class Gateway {
    let home: EventLoop
    let environment: any GatewayEnvironment
    var configuration: PreparedConfiguration
    let journal: Journal
    private let flowLog: FlowLog
    let registry: StatsReporterRegistry
    let boot: BootID
    let own: OwnEndpoints
    private let sessions = SessionTable()
    let plugins: PluginSet
    var objects: SharedObjects
    let quotas = QuotaSet()
    let observers = ObserverSet()
    let remoteLimits = RemoteLimits()
    let systemFiles: SystemFiles
    let pool: BlockingPool
    let throttle = LoginThrottle()
    private var digest: KeyedDigest?
    let files: FileSources
    var settlement: Settlement?
    var sites: [SiteHandle] = []
    var services: OpenServices?
    var admin: AdminServer?
    var controlServers: [ControlServer] = []
    /// Servers that answer what they were asked and take no further connections.
    var leavingServers: [HTTPServer] = []
    let totals = ServiceTotals()
    /// What the API needs of the command line; without it nothing can be changed through it.
    package var controlHooks: ControlHooks?
    /// Readies another log, or throws why it cannot be had; what it returns brings it into force.
    package var logReviser: (@Sendable (LogOptions) throws -> @Sendable () -> Void)?
    /// How long flows may go on after the request to stop, in nanoseconds.
    package var drainNanoseconds: UInt64 {
        let limit = configuration.loaded.options.runtime.drainTimeout
        return UInt64(max(0, limit.wholeMilliseconds)) * 1_000_000
    }
    var sender: (any HTTPSender)?
    /// How often limits were taken from a configuration; what files said before counts no more.
    var limitRound = 0
    var isReloading = false
    var isApplying = false
    private(set) var isStopping = false
    /// GUIDs whose plugins have started and that no service's flows go to yet.
    var unheardGUIDs: Set<String> = []
    private var warnedGUIDs: Set<String> = []
    /// Where each service listens.
    package var endpoints: [(service: String, endpoint: Endpoint)] { services?.endpoints ?? [] }

    /// A loop with its site and its meter's files.
    struct SiteHandle: Sendable {
        let loop: EventLoop
        let site: LoopConfined<Site>
        let remove: LoopConfined<() -> Void>
    }

    /// What a gateway is started from.
    package struct Plan {
        /// What to run.
        let configuration: PreparedConfiguration
        /// Where it runs.
        let environment: any GatewayEnvironment
        /// The control loop.
        let home: EventLoop
        /// The log.
        let journal: Journal
        /// The log itself: where lines are JSON, flow records are lines as they are.
        let logWriter: LogWriter?
        /// Reporters by GUID.
        let registry: StatsReporterRegistry
        /// How many loops carry flows.
        let loopCount: Int
        /// Calls that block.
        let pool: BlockingPool
        /// The system's files for names.
        let systemFiles: SystemFiles
        /// Reads files of objects again; on the pool.
        let readFile: SharedFileReader

        /// A plan from its parts.
        package init(
            configuration: PreparedConfiguration, environment: any GatewayEnvironment,
            home: EventLoop, journal: Journal, logWriter: LogWriter?,
            registry: StatsReporterRegistry, loopCount: Int, pool: BlockingPool,
            systemFiles: SystemFiles,
            readFile: @escaping SharedFileReader = {
                (_) throws(FileFault) in throw FileFault.noSuchFile
            }
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
            self.readFile = readFile
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
        own = OwnEndpoints(isOwnAddress: plan.systemFiles.isOwnAddress)
        boot = BootID(bits: plan.home.driver.randomWord())
        plugins = PluginSet(environment: plan.environment, journal: plan.journal)
        systemFiles = plan.systemFiles
        objects = SharedObjects(plan.configuration.loaded.fingerprints)
        let environment = plan.environment
        files = FileSources(
            home: plan.home, pool: plan.pool, journal: plan.journal,
            makeWatch: { () throws(Errno) in try environment.makeDirectoryWatch() },
            reader: plan.readFile)
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
        for prepared in configuration.plugins { try await start(prepared) }
        let settlement = makeSettlement()
        self.settlement = settlement
        warnOfUnknownGUIDs()
        try quotas.prepare(configuration.loaded.options, self)
        try quotas.keep(
            configuration.loaded.options, fromMilliseconds: .min, self, settlement)
        try observers.prepare(self, settlement)
        try recover(settlement)
        await quotas.awaitRecovery(self, settlement)
        try await quotas.restore(configuration.loaded.options, self)
        do {
            for index in 0..<loopCount { sites.append(try await makeSite(index, settlement)) }
        } catch {
            throw StartFault("a loop does not start: \(error)")
        }
        watchReporters(settlement)
        try await openServices(settlement)
        followLimits()
        try observers.revise(self, settlement)
        try openAdmin()
        try openControl()
        journal(.info, "ready", [("boot", boot.description), ("loops", String(loopCount))])
    }

    /// Starts one plugin; it hears nothing until it is attached.
    func start(_ prepared: PreparedPlugin) async throws(StartFault) {
        let driver = LoopConfined(home.driver)
        try await plugins.start(
            prepared, home: home, boot: boot, stateDirectory: environment.stateDirectory ?? "",
            wallMilliseconds: { driver.value.wallMilliseconds() })
    }

    /// The key under which passwords that were right are remembered; one per run.
    func passwordDigest() throws(StartFault) -> KeyedDigest {
        if let digest { return digest }
        do throws(CryptoFailure) {
            let made = try KeyedDigest()
            digest = made
            return made
        } catch {
            throw StartFault("no random bytes: \(error)")
        }
    }

    private func makeSettlement() -> Settlement {
        let (environment, log, flowLog) = (environment, journal, flowLog)
        let settlement = Settlement(
            home: home, loops: SiteCalls(self), registry: registry,
            makeWorker: { name in try environment.makeLoop(name: name, index: -1) },
            log: { level, line in log(level, line) },
            onClosed: { [totals] in
                totals.add($0, $1, $2, at: $3)
                flowLog.write($0, $1, $2, $3)
            })
        return settlement
    }

    /// Says once of each GUID that nobody has it. It may still be registered in code later, so
    /// this is no error.
    func warnOfUnknownGUIDs() {
        for guid in configuration.loaded.options.unknownGUIDs
        where registry.reporter(guid: guid.value) == nil
            && warnedGUIDs.insert(guid.value).inserted
        {
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
        plugins.attach(to: settlement, registry: registry, home: home)
        for dead in remains {
            if dead.boot.flows.isEmpty && dead.boot.unreadableSlots == 0 {
                dead.remove()
                continue
            }
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

    // MARK: Stop

    /// Stops accepting, lets flows finish for so long, cuts the rest, and hands every count to
    /// the plugins. The result is whether all was stored; what was not is told at the next start.
    package func drain(withinNanoseconds limit: UInt64) async -> Bool {
        journal(.info, "draining", [("seconds", String(limit / 1_000_000_000))])
        let end = home.nowNanoseconds + limit
        await waitForReload()
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

    /// No services come and go from now on, for such could not be stopped. A change that is under
    /// way is a few calls to loops; a plugin that still starts is not waited for.
    private func waitForReload() async {
        isStopping = true
        while isApplying { await home.sleep(nanoseconds: 5_000_000) }
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
        await waitForReload()
        admin?.close()
        admin = nil
        // Logins that wait for a server are refused.
        sender?.stop()
        files.close()
        for server in controlServers.map(\.server) + leavingServers { server.cut() }
        controlServers.removeAll()
        leavingServers.removeAll()
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
        quotas.close(environment)
        await observers.close(self)
        remoteLimits.close()
        let stopped = await plugins.stop(
            home: home, registry: registry, withinNanoseconds: 5_000_000_000)
        for handle in sites {
            environment.endLoop(handle.loop)
            if isClean { handle.remove.value() }
        }
        sites.removeAll()
        services = nil
        return isClean && stopped
    }
}

import Assembly
import Configuration
import Glibc
import Inbound
import LinuxIO
import Loop
import Model
import PluginKit
import Routing
import Synchronization

/// Runs a gateway as this process: threads, log, signals, drain.
///
/// SIGTERM or SIGINT drains, a second one cuts at once; SIGHUP reloads; SIGPIPE does no harm.
struct GatewayProcess {
    private let prepared: PreparedConfiguration
    private let words: CommandLineArguments
    private let plugins: [PluginDescriptor]
    private let supervisor = Supervisor()

    init(
        _ prepared: PreparedConfiguration, _ words: CommandLineArguments,
        _ plugins: [PluginDescriptor]
    ) {
        self.prepared = prepared
        self.words = words
        self.plugins = plugins
    }

    /// Runs until the end; the result is the exit status.
    func run() -> Int32 {
        do {
            let log = try LogSetup.writer(
                prepared.loaded.options.log, debugLevel: words.request.debugLevel)
            let status = try serve(log)
            log.close()
            return status
        } catch {
            Terminal.complain("weir: \(error)")
            return 1
        }
    }

    private func serve(_ log: LogWriter) throws -> Int32 {
        let journal = log.journal
        raiseLimits(journal)
        let environment = try LinuxEnvironment(stateDirectory: StatePath.directory(prepared))
        let home = try environment.makeLoop(name: "weir-control", index: -1)
        let pool = try BlockingPool(threads: 4, capacity: 4096)
        let runtime = prepared.loaded.options.runtime
        let loops = runtime.loops > 0 ? runtime.loops : Process.processors.count
        let plan = LoopConfined(
            Gateway.Plan(
                configuration: prepared, environment: environment, home: home, journal: journal,
                logWriter: log, registry: .shared, loopCount: loops,
                pool: pool, systemFiles: SystemNames.files, readFile: ConfigurationFiles.readAgain))
        let result = Waiting.result(of: {
            await home.call { () async throws -> LoopConfined<Gateway> in
                LoopConfined(try await Gateway.start(plan.value))
            }
        })
        switch result {
        case .failure(let error):
            // A log of programs' lines stays one; a person gets a plain line.
            if log.isJSON {
                journal(.fatal, "the gateway does not start", [("error", "\(error)")])
            } else {
                Terminal.complain("weir: \(error)")
            }
            supervisor.tell(.status("does not start: \(error)"), journal)
            return 1
        case .success(let gateway):
            supervise(gateway, home, journal)
            announce(gateway, home)
            let reload = Reload(
                prepared, words: words, plugins: plugins, gateway: gateway, home: home,
                pool: pool, journal: journal, supervisor: supervisor)
            reload.startRepeating()
            reload.enableAPI()
            let debugLevel = words.request.debugLevel
            home.execute { _ in
                gateway.value.logReviser = { options in
                    try LogSetup.revision(of: log, options, debugLevel: debugLevel)
                }
            }
            return waitForEnd(gateway, home, journal, reload)
        }
    }

    private func raiseLimits(_ journal: Journal) {
        do throws(Errno) {
            _ = try Process.raiseDescriptorLimit()
        } catch {
            journal(
                .warn, "the limit of open descriptors stays as it is",
                [
                    ("error", error.description)
                ])
        }
    }

    /// Everything listens: says so, and gives signs of life from now on.
    private func supervise(
        _ gateway: LoopConfined<Gateway>, _ home: EventLoop, _ journal: Journal
    ) {
        let supervisor = supervisor
        supervisor.tell(.ready(Reload.summary(prepared)), journal)
        let interval =
            supervisor.watchdogNanoseconds ?? UInt64(Limits.loopWatchMilliseconds) * 1_000_000
        home.execute { _ in
            gateway.value.watchLoops(intervalNanoseconds: interval) {
                if supervisor.watchdogNanoseconds != nil { supervisor.tell(.alive, journal) }
            }
        }
    }

    /// On a terminal, says how to try it.
    private func announce(_ gateway: LoopConfined<Gateway>, _ home: EventLoop) {
        guard Process.isTerminal(2) else { return }
        let endpoints = Waiting.result(of: {
            await home.perform { _ in gateway.value.endpoints.map { ($0.service, $0.endpoint) } }
        })
        for line in TryLines.lines(
            prepared.loaded.options, endpoints, files: words.request.files)
        { Terminal.complain(line) }
    }

    private func waitForEnd(
        _ gateway: LoopConfined<Gateway>, _ home: EventLoop, _ journal: Journal, _ reload: Reload
    ) -> Int32 {
        let status = ExitStatus()
        let ended = Semaphore()
        let supervisor = supervisor
        let signals = SignalWatch(
            gateway: gateway, home: home, journal: journal, reload: reload
        ) {
            home.spawn { _ in
                let nanoseconds = gateway.value.drainNanoseconds
                supervisor.tell(Self.stopping(withinNanoseconds: nanoseconds), journal)
                let isClean = await gateway.value.drain(withinNanoseconds: nanoseconds)
                status.set(isClean ? 0 : 1)
                ended.post()
            }
        }
        signals.start()
        ended.wait()
        return status.value
    }

    /// The drain's own limit is what counts, so the manager must not cut it short; what comes
    /// behind it (cutting flows, plugins that store) has at most 15 seconds.
    private static func stopping(withinNanoseconds limit: UInt64) -> ServiceManager.News {
        let whole = limit.addingReportingOverflow(15_000_000_000)
        return .stopping(
            withinNanoseconds: whole.overflow ? .max : whole.partialValue,
            "letting flows finish")
    }
}

/// The exit status, set by the control loop and read by the main thread.
private final class ExitStatus: Sendable {
    private let status = Mutex<Int32>(0)

    func set(_ value: Int32) { status.withLock { $0 = value } }

    var value: Int32 { status.withLock { $0 } }
}

/// Takes the process's signals on a thread of its own.
private struct SignalWatch: Sendable {
    let gateway: LoopConfined<Gateway>
    let home: EventLoop
    let journal: Journal
    let reload: Reload
    let drain: @Sendable () -> Void

    func start() {
        do throws(Errno) {
            try Thread(name: "weir-signals") { watch() }.detach()
        } catch {
            journal(.error, "signals are not heard", [("error", error.description)])
        }
    }

    private func watch() {
        var isDraining = false
        while true {
            switch Process.waitForSignal() {
            case .terminate, .interrupt:
                if isDraining {
                    journal(.warn, "cutting what still runs")
                    home.execute { _ in gateway.value.cutNow() }
                } else {
                    isDraining = true
                    drain()
                }
            case .hangUp:
                if !isDraining { reload.now() }
            case .user1:
                journal(.debug, "SIGUSR1 has no meaning here")
            }
        }
    }
}

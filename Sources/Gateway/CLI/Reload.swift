import Assembly
import Configuration
import Inbound
import LinuxIO
import Loop
import Model
import Options
import PluginKit
import Synchronization

/// Reads the configuration again and has the running gateway apply the difference.
///
/// One reload at a time: what is asked for while one is under way is done once more afterwards, so
/// that what was read last is what runs.
///
/// ## Concurrency
/// Any thread may ask; a lock protects what is under way. Files are read on the pool, the rest
/// happens on the control loop.
final class Reload: Sendable {
    private let words: CommandLineArguments
    private let plugins: [PluginDescriptor]
    private let gateway: LoopConfined<Gateway>
    private let home: EventLoop
    private let pool: BlockingPool
    private let journal: Journal
    private let supervisor: Supervisor
    private let saved: SavedConfiguration
    private let state: Mutex<State>

    private struct State {
        var isRunning = false
        var isAskedAgain = false
        /// What runs, for the supervisor.
        var summary: String
        /// What was found the last time, so that it is not said again and again.
        var findings: [Diagnostic] = []
        /// What came of the last reload.
        var outcome = Gateway.ReloadOutcome.refused("nothing was reloaded yet")
    }

    /// Reloads of a gateway whose first configuration was `prepared`.
    init(
        _ prepared: PreparedConfiguration, words: CommandLineArguments,
        plugins: [PluginDescriptor], gateway: LoopConfined<Gateway>, home: EventLoop,
        pool: BlockingPool, journal: Journal, supervisor: Supervisor
    ) {
        self.words = words
        self.plugins = plugins
        self.gateway = gateway
        self.home = home
        self.pool = pool
        self.journal = journal
        self.supervisor = supervisor
        saved = SavedConfiguration(words.request, loaded: prepared.loaded.files)
        state = Mutex(State(summary: Self.summary(prepared)))
    }

    /// How a gateway is, for `systemctl status`.
    static func summary(_ prepared: PreparedConfiguration) -> String {
        let options = prepared.loaded.options
        return "serving \(options.services.count) service(s), metered by "
            + "\(options.plugins.count) plugin(s)"
    }

    /// Reloads once. What is wrong is in the log, and then nothing has changed.
    func now() { home.spawn { [self] _ in await runAlone() } }

    /// Reloads again and again if the command line asks for it.
    func startRepeating() {
        guard let every = words.reloadEvery else { return }
        let pause = UInt64(every.components.seconds) * 1_000_000_000
        home.spawn { [self] loop in
            while true {
                await loop.sleep(nanoseconds: pause)
                await runAlone()
            }
        }
    }

    /// Lets the API reload, and change what is configured.
    func enableAPI() {
        let (plugins, pool, isLenient) = (plugins, pool, words.request.isLenient)
        let saved = saved
        let hooks = ControlHooks(
            reload: { [self] in await runOrWait() },
            prepare: { bytes in
                try await pool.run {
                    let loaded = Configuration.load(
                        bytes: bytes, file: "API", isLenient: isLenient,
                        readingWith: ConfigurationFiles.read)
                    return PreparedConfiguration(loaded, descriptors: plugins)
                }
            },
            save: { name, format, root in
                do {
                    let (path, isJSON) = try saved.place(named: name, format: format)
                    let bytes = Array((isJSON ? root.json : root.yaml).utf8)
                    try await pool.run { Result { try SavedConfiguration.write(bytes, to: path) } }
                        .get()
                    return nil
                } catch {
                    return "\(error)"
                }
            })
        let gateway = gateway
        home.execute { _ in gateway.value.controlHooks = hooks }
    }

    /// Reloads, and when that is under way already, waits for what comes of it.
    private func runOrWait() async -> Gateway.ReloadOutcome {
        if let outcome = await runAlone() { return outcome }
        while state.withLock({ $0.isRunning }) { await home.sleep(nanoseconds: 10_000_000) }
        return state.withLock { $0.outcome }
    }

    /// Reloads; nil when another reload is under way, which is done once more then.
    @discardableResult
    private func runAlone() async -> Gateway.ReloadOutcome? {
        let isFirst = state.withLock { state in
            state.isAskedAgain = state.isRunning
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard isFirst else { return nil }
        var outcome: Gateway.ReloadOutcome
        supervisor.tell(.reloading(atNanoseconds: Supervisor.nowNanoseconds), journal)
        repeat {
            outcome = await run()
            if case .refused(let reason) = outcome {
                journal(.error, "reload refused; nothing has changed", [("reason", reason)])
            }
        } while state.withLock { state in
            defer { state.isAskedAgain = false }
            state.outcome = outcome
            state.isRunning = state.isAskedAgain
            return state.isAskedAgain
        }
        supervisor.tell(.ready(state.withLock { $0.summary }), journal)
        return outcome
    }

    private func run() async -> Gateway.ReloadOutcome {
        if words.request.files.contains("-") {
            return .refused("standard input was read once and is not there to be read again")
        }
        let (words, plugins) = (words, plugins)
        let prepared: PreparedConfiguration
        do throws(BlockingPool.Refusal) {
            prepared = try await pool.run { ConfigurationFiles.load(words, plugins) }
        } catch {
            return .refused("the configuration cannot be read now: \(error)")
        }
        report(prepared.loaded.diagnostics)
        if prepared.loaded.isRefused { return .refused("the new configuration has mistakes") }
        guard !prepared.loaded.options.services.isEmpty else {
            return .refused("the new configuration has no services")
        }
        let outcome = await gateway.value.apply(prepared)
        if outcome.isApplied { state.withLock { $0.summary = Self.summary(prepared) } }
        return outcome
    }

    /// Every finding is a line of the log, unless it was one the last time.
    private func report(_ findings: [Diagnostic]) {
        let known = state.withLock { state in
            defer { state.findings = findings }
            return Set(state.findings)
        }
        for finding in findings where !known.contains(finding) {
            var fields: [Journal.Field] = [("problem", finding.message)]
            if let location = finding.location { fields.append(("at", location.description)) }
            if let hint = finding.hint { fields.append(("hint", hint)) }
            journal(finding.severity == .error ? .error : .warn, "configuration", fields)
        }
    }
}

import Assembly
import Configuration
import Inbound
import LinuxIO
import Loop
import Model
import Options
import PluginKit

/// Reads the configuration again and has the running gateway apply the difference.
///
/// ## Concurrency
/// Any thread may ask. Files are read on the pool, the rest happens on the control loop.
struct Reload: Sendable {
    let words: CommandLineArguments
    let plugins: [PluginDescriptor]
    let gateway: LoopConfined<Gateway>
    let home: EventLoop
    let pool: BlockingPool
    let journal: Journal
    /// Told when a reload begins, and with a summary of what runs when it is over.
    let supervisor: Supervisor
    let summary: String

    /// Reloads once. What is wrong is in the log, and then nothing has changed.
    func now() {
        home.spawn { [self] _ in await runTelling() }
    }

    /// Reloads again and again if the command line asks for it.
    func startRepeating() {
        guard let every = words.reloadEvery else { return }
        let pause = UInt64(every.components.seconds) * 1_000_000_000
        home.spawn { [self] loop in
            while true {
                await loop.sleep(nanoseconds: pause)
                await runTelling()
            }
        }
    }

    private func runTelling() async {
        supervisor.tell(.reloading(atNanoseconds: Supervisor.nowNanoseconds), journal)
        _ = await run()
        supervisor.tell(.ready(summary), journal)
    }

    private func run() async -> Gateway.ReloadOutcome {
        if words.request.files.contains("-") {
            return refuse("standard input was read once and is not there to be read again")
        }
        let (words, plugins) = (words, plugins)
        let prepared: PreparedConfiguration
        do throws(BlockingPool.Refusal) {
            prepared = try await pool.run { ConfigurationFiles.load(words, plugins) }
        } catch {
            return refuse("the configuration cannot be read now: \(error)")
        }
        report(prepared)
        if prepared.loaded.isRefused { return refuse("the new configuration has mistakes") }
        guard !prepared.loaded.options.services.isEmpty else {
            return refuse("the new configuration has no services")
        }
        return await gateway.value.apply(prepared)
    }

    private func refuse(_ reason: String) -> Gateway.ReloadOutcome {
        journal(.error, "reload refused; nothing has changed", [("reason", reason)])
        return .refused(reason)
    }

    /// Every finding is a line of the log.
    private func report(_ prepared: PreparedConfiguration) {
        for finding in prepared.loaded.diagnostics {
            var fields: [Journal.Field] = [("problem", finding.message)]
            if let location = finding.location { fields.append(("at", location.description)) }
            if let hint = finding.hint { fields.append(("hint", hint)) }
            journal(finding.severity == .error ? .error : .warn, "configuration", fields)
        }
    }
}

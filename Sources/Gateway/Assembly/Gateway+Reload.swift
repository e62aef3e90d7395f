import Configuration
import HTTPService
import Inbound
import LinuxIO
import Loop
import Metering
import Options
import PluginKit

/// Going over to another configuration while flows run.
extension Gateway {
    /// What came of a reload.
    package enum ReloadOutcome: Sendable, Equatable {
        /// The difference is in force; in words.
        case applied(String)
        /// Nothing has changed, and why.
        case refused(String)

        /// Whether the new configuration is in force.
        package var isApplied: Bool {
            if case .applied = self { true } else { false }
        }
    }

    /// Applies the difference between the running configuration and another, which must not be
    /// refused: services that mean the same are not touched, those that listen where they did go on
    /// listening and serve what comes next as the new configuration says, and flows go on.
    ///
    /// New plugins are started; the log, the API and the metrics change. Of changes that need a
    /// start it is said so, and why, and the running gateway goes on with what it has.
    package func apply(_ next: PreparedConfiguration) async -> ReloadOutcome {
        await exclusively { await applyNow(next) }
    }

    /// Waits until no change is under way and lets none begin until the body has returned.
    func exclusively<Value>(_ body: () async -> Value) async -> Value {
        while isReloading { await home.sleep(nanoseconds: 5_000_000) }
        isReloading = true
        defer { isReloading = false }
        return await body()
    }

    /// `apply` for one who has `exclusively` called.
    func applyNow(_ next: PreparedConfiguration) async -> ReloadOutcome {
        guard !isStopping, let services, let settlement else {
            return .refused("the gateway stops")
        }
        let objects = SharedObjects(next.loaded.fingerprints, after: objects)
        var control: ReadiedControl?
        do throws(StartFault) {
            let bringLog = try readyLog(next)
            try quotas.prepare(next.loaded.options, self)
            try quotas.keep(
                next.loaded.options, fromMilliseconds: home.driver.wallMilliseconds(), self,
                settlement)
            try await quotas.restore(next.loaded.options, self)
            try await startPlugins(next, settlement)
            // A plugin's start may have taken its time.
            if isStopping { return .refused("the gateway stops") }
            isApplying = true
            defer { isApplying = false }
            let readied = try readyControl(next, objects)
            control = readied
            let changes = try await services.apply(
                try plans(next, objects, withoutKnown: unheardGUIDs))
            unheardGUIDs = []
            bringLog()
            bring(readied)
            let running = configuration
            configuration = next
            self.objects = objects
            revise(from: running)
            warnOfUnknownGUIDs()
            reviseLimits()
            remoteLimits.retain(next.loaded.options)
            reviseObservers(settlement)
            let text =
                "\(changes.opened) opened, \(changes.changed) changed, \(changes.closed) closed, "
                + "\(changes.kept) untouched"
            // A reload that comes again and again and finds nothing new is no news.
            journal(changes.isEmpty ? .debug : .info, "reloaded", [("services", text)])
            return .applied(text)
        } catch {
            control?.giveUp()
            own.setControl(controlServers.compactMap(\.server.endpoint))
            quotas.keepOnly(configuration.loaded.options)
            return .refused(error.description)
        }
    }

    /// Services run as the new configuration says already, so this refuses nothing any more.
    private func reviseObservers(_ settlement: Settlement) {
        do throws(StartFault) {
            try observers.revise(self, settlement)
        } catch {
            journal(.error, "observers stay as they were", [("error", error.description)])
        }
    }

    /// Opens the log of another configuration. A file is opened anew each time, so that one that
    /// was moved away is begun again.
    private func readyLog(
        _ next: PreparedConfiguration
    ) throws(StartFault) -> @Sendable () -> Void {
        let (before, after) = (configuration.loaded.options.log, next.loaded.options.log)
        var isFile = false
        if case .file = after.output { isFile = true }
        guard let logReviser, before != after || isFile else { return {} }
        do {
            return try logReviser(after)
        } catch {
            throw StartFault("\(error)")
        }
    }

    /// What is of the process and of plugins: what can be is changed, of the rest it is said why
    /// not.
    private func revise(from running: PreparedConfiguration) {
        let before = running.loaded.options.runtime
        let after = configuration.loaded.options.runtime
        func wait(_ key: String, _ reason: String) {
            journal(
                .warn, "this change takes effect at the next start",
                [("key", key), ("reason", reason)])
        }
        if before.stateDirectory?.value != after.stateDirectory?.value {
            wait("weir.state", "the meters of open flows lie there")
        }
        if before.loops != after.loops { wait("weir.loops", "a flow stays on its loop") }
        if before.node != after.node { wait("weir.node", "a run has one name in its records") }
        if before.hasAdminSocket != after.hasAdminSocket {
            admin?.close()
            admin = nil
            do throws(StartFault) {
                try openAdmin()
            } catch {
                journal(.error, "no admin socket", [("reason", error.description)])
            }
        }
        let (old, new) = (running.loaded.fingerprints, configuration.loaded.fingerprints)
        for guid in Set(running.plugins.map(\.guid)).sorted()
        where old.object("plugins", guid) != new.object("plugins", guid) {
            let isThere = configuration.plugins.contains { $0.guid == guid }
            journal(
                .warn, "this change takes effect at the next start",
                [
                    ("plugin", guid),
                    (
                        "reason",
                        isThere
                            ? "a plugin reads its options when it starts"
                            : "a plugin that was removed must hear the ends of its flows"
                    ),
                ])
        }
    }

    /// Starts plugins that are new. Services that name them hear of it when they are applied.
    private func startPlugins(
        _ next: PreparedConfiguration, _ settlement: Settlement
    ) async throws(StartFault) {
        let guids = Set(plugins.instances.map(\.guid))
        for plugin in next.plugins where !guids.contains(plugin.guid) {
            try await start(plugin)
            unheardGUIDs.insert(plugin.guid)
            plugins.attach(to: settlement, registry: registry, home: home)
        }
    }
}

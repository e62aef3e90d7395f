import Configuration
import Inbound
import LinuxIO
import Loop
import Metering
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
    /// New plugins are started. Of other changes that need a start it is said so, and the running
    /// gateway goes on with what it has.
    package func apply(_ next: PreparedConfiguration) async -> ReloadOutcome {
        if isReloading { return .refused("another reload is under way") }
        isReloading = true
        defer { isReloading = false }
        guard !isStopping, let services, let settlement else {
            return .refused("the gateway stops")
        }
        let before = configuration.loaded.fingerprints
        let after = next.loaded.fingerprints
        let objects = SharedObjects(after, after: objects)
        do throws(StartFault) {
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
            let changes = try await services.apply(
                try plans(next, objects, withoutKnown: unheardGUIDs))
            unheardGUIDs = []
            for (name, section) in Self.startSections
            where before.section(section) != after.section(section) {
                journal(.warn, "this change takes effect at the next start", [("key", name)])
            }
            configuration = next
            self.objects = objects
            warnOfUnknownGUIDs()
            reviseLimits()
            reviseObservers(settlement)
            let text =
                "\(changes.opened) opened, \(changes.changed) changed, \(changes.closed) closed, "
                + "\(changes.kept) untouched"
            // A reload that comes again and again and finds nothing new is no news.
            journal(changes.isEmpty ? .debug : .info, "reloaded", [("services", text)])
            return .applied(text)
        } catch {
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

    /// Keys that are read at the start only.
    private static let startSections = [
        ("log", "log"), ("weir", "weir"), ("api", "api"), ("metrics", "metrics"),
    ]

    /// Starts plugins that are new. Services that name them hear of it when they are applied.
    private func startPlugins(
        _ next: PreparedConfiguration, _ settlement: Settlement
    ) async throws(StartFault) {
        let (before, after) = (configuration.loaded.fingerprints, next.loaded.fingerprints)
        let guids = Set(plugins.instances.map(\.guid))
        for plugin in next.plugins where !guids.contains(plugin.guid) {
            try await start(plugin)
            unheardGUIDs.insert(plugin.guid)
            plugins.attach(to: settlement, registry: registry, home: home)
        }
        for guid in guids.sorted()
        where before.object("plugins", guid) != after.object("plugins", guid) {
            journal(.warn, "this change takes effect at the next start", [("plugin", guid)])
        }
    }
}

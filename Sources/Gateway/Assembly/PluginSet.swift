import Configuration
import Inbound
import LinuxIO
import Loop
import Metering
import Model
import Options
package import PluginKit

/// The plugins of a configuration: settings read, instances made, capabilities collected.
///
/// ## Concurrency
/// Confined to the control loop.
final class PluginSet {
    /// One running plugin.
    struct Instance {
        let guid: String
        let type: String
        let plugin: any Plugin
        let points: ExtensionPoints
        let worker: EventLoop
    }

    private(set) var instances: [Instance] = []
    private var registered: [String] = []
    private var attachedCount = 0
    private var tickers: [PluginTicker] = []
    private let environment: any GatewayEnvironment
    private let journal: Journal

    init(environment: any GatewayEnvironment, journal: Journal) {
        self.environment = environment
        self.journal = journal
    }

    /// Makes and starts a plugin. A throw names the plugin and leaves nothing of it behind.
    func start(
        _ prepared: PreparedPlugin, home: EventLoop, boot: BootID, stateDirectory: String,
        wallMilliseconds: @escaping @Sendable () -> Int64
    ) async throws(StartFault) {
        let (guid, journal) = (prepared.guid, journal)
        let host = PluginHost(
            guid: guid, boot: boot, stateDirectory: stateDirectory,
            log: { level, line in journal(level, line, [("plugin", guid)]) },
            wallMilliseconds: wallMilliseconds)
        do {
            let plugin = try prepared.descriptor.make(prepared.settings, host)
            var points = ExtensionPoints()
            plugin.install(in: &points)
            if !points.uncalled.isEmpty {
                let names = points.uncalled.joined(separator: ", ")
                throw StartFault("it attaches \(names), which this version does not call")
            }
            let worker = try environment.makeLoop(name: "weir-\(prepared.type)", index: -1)
            let started = await home.ask(
                worker, withinNanoseconds: UInt64(Limits.pluginStartMilliseconds) * 1_000_000
            ) { try await plugin.start() }
            if case .failed(let reason) = started {
                _ = await home.ask(
                    worker, withinNanoseconds: UInt64(Limits.pluginAnswerMilliseconds) * 1_000_000
                ) { await plugin.close() }
                environment.endLoop(worker)
                throw StartFault(reason)
            }
            instances.append(
                Instance(
                    guid: guid, type: prepared.type, plugin: plugin, points: points,
                    worker: worker))
        } catch {
            throw StartFault("plugin '\(guid)' (\(prepared.type)) does not start: \(error)")
        }
    }

    /// The authenticators under a GUID.
    func authenticators(_ guid: String) -> [PluginAuthenticator] {
        instances.filter { $0.guid == guid }.flatMap { instance in
            instance.points.authenticators.map {
                PluginAuthenticator(guid: guid, authenticator: $0, worker: instance.worker)
            }
        }
    }

    /// The admissions under GUIDs, in their order.
    func admissions(_ guids: [String]) -> [PluginAdmission] {
        guids.flatMap { guid in
            instances.filter { $0.guid == guid }.flatMap { instance in
                instance.points.admissions.map {
                    PluginAdmission(guid: guid, admission: $0, worker: instance.worker)
                }
            }
        }
    }

    /// Attaches what is not attached yet: observers to the settlement, reporters to the registry;
    /// and begins regular work.
    func attach(to settlement: Settlement, registry: StatsReporterRegistry, home: EventLoop) {
        for instance in instances[attachedCount...] {
            for observer in instance.points.flowObservers {
                settlement.add(observer, guid: instance.guid, worker: instance.worker)
            }
            for reporter in instance.points.statsReporters {
                registry.register(guid: instance.guid, reporter)
                registered.append(instance.guid)
            }
            tickers += instance.points.periodics.map { periodic in
                PluginTicker(
                    guid: instance.guid, periodic: periodic, home: home, worker: instance.worker,
                    journal: journal)
            }
        }
        attachedCount = instances.count
    }

    /// Lets every plugin finish and release what it holds, each within the time given. The result
    /// is whether all could.
    func stop(
        home: EventLoop, registry: StatsReporterRegistry, withinNanoseconds limit: UInt64
    ) async -> Bool {
        for guid in registered { registry.unregister(guid: guid) }
        registered.removeAll()
        for ticker in tickers { ticker.stop() }
        tickers.removeAll()
        var isClean = true
        for instance in instances.reversed() {
            let (plugin, worker) = (instance.plugin, instance.worker)
            let answer = await home.ask(worker, withinNanoseconds: limit) {
                try await plugin.drain()
                await plugin.close()
            }
            if case .failed(let reason) = answer {
                isClean = false
                journal(
                    .error, "a plugin did not finish",
                    [
                        ("plugin", instance.guid), ("error", reason),
                    ])
            }
            environment.endLoop(worker)
        }
        instances.removeAll()
        attachedCount = 0
        return isClean
    }
}

/// A plugin of the configuration whose settings were read.
package struct PreparedPlugin: Sendable {
    /// The GUID that handlers name.
    package let guid: String
    /// The plugin's type.
    package let type: String
    /// The settings.
    package let settings: any PluginSettings
    let descriptor: PluginDescriptor
}

/// Why the gateway does not start, in words for its operator.
package struct StartFault: Error, Sendable, CustomStringConvertible {
    /// What and why.
    package let description: String

    init(_ description: String) { self.description = description }
}

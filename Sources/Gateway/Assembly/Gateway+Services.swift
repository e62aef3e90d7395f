import Configuration
import Crypto
import Inbound
import LinuxIO
import Loop
import Metering
import Model
import Options
import PluginKit
import RemotePlugins

/// Opening what the configuration asks for, on every loop.
extension Gateway {
    /// Opens every service of the first configuration.
    func openServices(_ settlement: Settlement) async throws(StartFault) {
        let services = OpenServices(
            sites: sites, settlement: settlement, own: own, journal: journal,
            wallMilliseconds: { [home] in home.driver.wallMilliseconds() })
        self.services = services
        _ = try await services.apply(try plans(configuration, objects))
    }

    /// Plans of all services of a configuration, whose objects are those given.
    func plans(
        _ configuration: PreparedConfiguration, _ objects: SharedObjects,
        withoutKnown changed: Set<String> = []
    ) throws(StartFault) -> [OpenServices.Wanted] {
        let loaded = configuration.loaded
        let known = services?.metered.filter {
            $0.value.info.guids.allSatisfy { !changed.contains($0) }
        }
        let planner = try planner(configuration, objects, known: known ?? [:])
        var wanted: [OpenServices.Wanted] = []
        for service in loaded.options.services {
            let plan = try planner.plan(service)
            let text = loaded.fingerprints.service(service.name.value) ?? ""
            wanted.append(OpenServices.Wanted(plan: plan, fingerprint: text))
        }
        return wanted
    }

    /// What makes plans of a configuration's options.
    func planner(
        _ configuration: PreparedConfiguration, _ objects: SharedObjects,
        known: [String: MeteredService]
    ) throws(StartFault) -> ServicePlanner {
        let options = configuration.loaded.options
        let factory = ObjectFactory(
            options: options, shared: objects, files: files, digest: try passwordDigest())
        let chains = ChainPlanner(options: options, objects: objects, factory: factory)
        return ServicePlanner(
            options: options, plugins: plugins, objects: objects, quotas: quotas,
            factory: factory, own: own, throttle: throttle,
            names: NameServices(
                options: options, files: systemFiles, pool: pool, own: own,
                ways: try chains.nameServerWays(), hosts: factory.hostsOfNodes()),
            remoteLimiter: { (reference, options, service) throws(StartFault) in
                try self.remoteLimits.source(reference, options, of: service, self)
            },
            remoteAuther: { (plugin, name) throws(StartFault) in
                HTTPAuthenticator(
                    self.pluginServer(
                        plugin, kind: "auther", name: name, sender: try self.httpSender()))
            },
            known: known)
    }

    func openAdmin() throws(StartFault) {
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
}

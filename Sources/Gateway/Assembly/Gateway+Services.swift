import Configuration
import Crypto
import Inbound
import LinuxIO
import Loop
import Metering
import Model
import Options
import PluginKit

/// Opening what the configuration asks for, on every loop.
extension Gateway {
    func openServices(_ settlement: Settlement) async throws(StartFault) {
        let digest: KeyedDigest
        do throws(CryptoFailure) {
            digest = try KeyedDigest()
        } catch {
            throw StartFault("no random bytes: \(error)")
        }
        let planner = ServicePlanner(
            options: configuration.loaded.options, plugins: plugins, objects: objects, own: own,
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

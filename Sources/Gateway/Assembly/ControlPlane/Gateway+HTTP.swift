import Configuration
import HTTPService
import Inbound
import LinuxIO
import Loop
import Model
import Options
import PluginKit

/// What the command line does for the API.
package struct ControlHooks: Sendable {
    /// Reads all sources again and applies them.
    package let reload: @Sendable () async -> Gateway.ReloadOutcome
    /// Loads a configuration from text, with all that files which it names hold.
    package let prepare: @Sendable ([UInt8]) async throws -> PreparedConfiguration

    package init(
        reload: @escaping @Sendable () async -> Gateway.ReloadOutcome,
        prepare: @escaping @Sendable ([UInt8]) async throws -> PreparedConfiguration
    ) {
        self.reload = reload
        self.prepare = prepare
    }
}

/// The HTTP servers of the control plane: the API and the metrics.
extension Gateway {
    /// Opens what the configuration asks for.
    func openHTTP() throws(StartFault) {
        let options = configuration.loaded.options
        let routes = plugins.instances.filter { !$0.points.routes.isEmpty }
        if let api = options.api {
            var site = try site(api)
            site.realm = "weir"
            site.logsAccess = api.logsAccess
            site.mounts = ControlAPI(self, prefix: api.path).mounts
            for instance in routes { site.mounts += try mounts(of: instance, prefix: api.path) }
            try open(site, api)
        } else if let instance = routes.first {
            throw StartFault(
                "plugin '\(instance.guid)' (\(instance.type)) answers HTTP requests, and there is "
                    + "no api: to answer them at")
        }
        if let metrics = options.metrics {
            var site = try site(metrics)
            let page = MetricsPage(self)
            site.mounts = [
                HTTPSite.Mount(Route(path: metrics.path, bodyBytes: 0)) { await page.answer($0) }
            ]
            try open(site, metrics)
        }
        own.setControl(httpServers.compactMap(\.endpoint))
    }

    private func site(_ options: ControlOptions) throws(StartFault) -> HTTPSite {
        var site = HTTPSite(name: options.part.rawValue)
        guard !options.isOpen, let handle = sites.first else { return site }
        let gate = LoginGate(
            service: options.part.rawValue,
            authers: try planner(configuration, objects, known: [:]).authers(
                options.auther.map { [$0] } ?? [], options.credential), exempt: [],
            throttle: throttle)
        let (home, target) = (home, handle.site)
        site.login = { credentials, client in
            guard case .basic(let user, let password) = credentials else { return nil }
            let limit = UInt64(Limits.queuedLoginMilliseconds) * 2_000_000
            let answer = await home.ask(handle.loop, withinNanoseconds: limit) {
                await gate.login(
                    username: user, password: password, client: client,
                    station: target.value.station)
            }
            guard case .value(let user) = answer else { return nil }
            return user
        }
        return site
    }

    private func open(_ site: HTTPSite, _ options: ControlOptions) throws(StartFault) {
        let journal = journal
        let log = { (level: LogLevel, event: String, fields: [(name: String, value: String)]) in
            journal(level, event, fields)
        }
        do throws(Errno) {
            switch options.address.value {
            case .endpoint(let endpoint):
                httpServers.append(try HTTPServer(site, at: endpoint, loop: home, log: log))
            case .path(let path):
                httpServers.append(try HTTPServer(site, atPath: path, loop: home, log: log))
            }
        } catch {
            throw StartFault(
                "\(options.address.location): '\(options.part.rawValue)' cannot listen on "
                    + "\(options.address.value): \(error)")
        }
        let address =
            httpServers.last?.endpoint.map { "\($0)" } ?? "\(options.address.value)"
        journal(
            .info, "listening", [("service", options.part.rawValue), ("address", address)])
    }

    /// A plugin's routes, asked on its own thread and with a deadline.
    private func mounts(
        of instance: PluginSet.Instance, prefix: String
    ) throws(StartFault) -> [HTTPSite.Mount] {
        var mounts: [HTTPSite.Mount] = []
        let (home, worker, guid) = (home, instance.worker, instance.guid)
        for routes in instance.points.routes {
            for route in routes.routes {
                guard route.path.hasPrefix("/"), !ControlAPI.isOwn(route.path) else {
                    throw StartFault(
                        "plugin '\(guid)' wants to answer '\(route.path)', which it cannot have")
                }
                let mounted = Route(
                    path: prefix + route.path, access: route.access, bodyBytes: route.bodyBytes)
                mounts.append(
                    HTTPSite.Mount(mounted) { request in
                        await Self.ask(routes, request, home: home, worker: worker)
                    })
            }
        }
        return mounts
    }

    private static func ask(
        _ routes: any Routes, _ request: RouteRequest, home: EventLoop, worker: EventLoop
    ) async -> RouteResponse {
        let limit = UInt64(Limits.httpRouteMilliseconds) * 1_000_000
        let answer = await home.ask(worker, withinNanoseconds: limit) {
            try await routes.answer(request)
        }
        guard case .value(let response) = answer else {
            return RouteResponse(status: 502, text: "502 no answer")
        }
        guard case .stream(let produce) = response.body else { return response }
        // The pieces come from the plugin's thread as well.
        return RouteResponse(
            status: response.status, fields: response.fields,
            body: .stream { send in
                try await worker.call { try await produce(send) }.get()
            })
    }
}

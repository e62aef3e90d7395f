import Configuration
import Crypto
import HTTPService
import Inbound
import LinuxIO
import Loop
import Model
package import Options
import PluginKit

/// What the command line does for the API.
package struct ControlHooks: Sendable {
    /// Reads all sources again and applies them.
    package let reload: @Sendable () async -> Gateway.ReloadOutcome
    /// Loads a configuration from text, with all that files which it names hold.
    package let prepare: @Sendable ([UInt8]) async throws -> PreparedConfiguration
    /// Saves a configuration under the name of a file, or in the file that was loaded, in a format
    /// or in that of the file's name; nil, or why not.
    package let save: @Sendable (_ name: String?, _ format: String?, _ root: Node) async -> String?

    package init(
        reload: @escaping @Sendable () async -> Gateway.ReloadOutcome,
        prepare: @escaping @Sendable ([UInt8]) async throws -> PreparedConfiguration,
        save:
            @escaping @Sendable (_ name: String?, _ format: String?, _ root: Node) async -> String?
    ) {
        self.reload = reload
        self.prepare = prepare
        self.save = save
    }
}

/// An open server of the control plane.
struct ControlServer {
    /// Where it was told to listen.
    let address: ControlOptions.Address
    /// `api` or `metrics`.
    let part: ControlOptions.Part
    let server: HTTPServer
}

/// Servers of the control plane as another configuration wants them, not in force yet.
struct ReadiedControl {
    /// Servers with what they are to answer; some are open already.
    var wanted: [(server: ControlServer, site: HTTPSite)] = []
    /// Those of them that are new.
    var opened: [HTTPServer] = []

    /// The change does not come about.
    func giveUp() {
        for server in opened { server.cut() }
    }
}

/// The HTTP servers of the control plane: the API and the metrics.
extension Gateway {
    /// Opens what the first configuration asks for.
    func openControl() throws(StartFault) { bring(try readyControl(configuration, objects)) }

    /// Opens what a configuration asks for and is not open yet.
    func readyControl(
        _ next: PreparedConfiguration, _ objects: SharedObjects
    ) throws(StartFault) -> ReadiedControl {
        var readied = ReadiedControl()
        do throws(StartFault) {
            for (options, site) in try controlSites(next, objects) {
                let part = options.part
                let known = controlServers.first {
                    $0.part == part && $0.address == options.address.value
                }
                let server: HTTPServer
                if let known {
                    server = known.server
                } else {
                    server = try open(site, options)
                    readied.opened.append(server)
                }
                readied.wanted.append(
                    (
                        ControlServer(address: options.address.value, part: part, server: server),
                        site
                    )
                )
            }
        } catch {
            readied.giveUp()
            throw error
        }
        own.setControl((controlServers.map(\.server) + readied.opened).compactMap(\.endpoint))
        return readied
    }

    /// Has the servers answer what they are to answer, and closes those that nobody wants.
    func bring(_ readied: ReadiedControl) {
        leavingServers.removeAll { $0.connectionCount == 0 }
        for old in controlServers
        where !readied.wanted.contains(where: { $0.server.server === old.server }) {
            old.server.stopAccepting()
            leavingServers.append(old.server)
            journal(
                .info, "no longer listening",
                [("service", old.part.rawValue), ("address", "\(old.address)")])
        }
        for (server, site) in readied.wanted { server.server.site = site }
        controlServers = readied.wanted.map(\.server)
        own.setControl(controlServers.compactMap(\.server.endpoint))
    }

    private func controlSites(
        _ next: PreparedConfiguration, _ objects: SharedObjects
    ) throws(StartFault) -> [(ControlOptions, HTTPSite)] {
        let options = next.loaded.options
        let routes = plugins.instances.filter { !$0.points.routes.isEmpty }
        var sites: [(ControlOptions, HTTPSite)] = []
        if let api = options.api {
            var site = try site(api, next, objects)
            site.realm = "weir"
            site.logsAccess = api.logsAccess
            site.mounts = ControlAPI(self, prefix: api.path).mounts
            for instance in routes { site.mounts += try mounts(of: instance, prefix: api.path) }
            sites.append((api, site))
        } else if let instance = routes.first {
            throw StartFault(
                "plugin '\(instance.guid)' (\(instance.type)) answers HTTP requests, and there is "
                    + "no api: to answer them at")
        }
        if let metrics = options.metrics {
            var site = try site(metrics, next, objects)
            let page = MetricsPage(self)
            site.mounts = [
                HTTPSite.Mount(Route(path: metrics.path, bodyBytes: 0)) { await page.answer($0) }
            ]
            sites.append((metrics, site))
        }
        return sites
    }

    private func site(
        _ options: ControlOptions, _ next: PreparedConfiguration, _ objects: SharedObjects
    ) throws(StartFault) -> HTTPSite {
        var site = HTTPSite(name: options.part.rawValue)
        site.allowedOrigins = options.allowedOrigins
        site.trustedProxies = options.trustedProxies
        guard !options.isOpen, let handle = sites.first else { return site }
        let asksForUsers = options.auther != nil || options.credential != nil
        let token = options.token.map { Array($0.value.utf8) }
        let gate = LoginGate(
            service: options.part.rawValue,
            authers: try planner(next, objects, known: [:]).authers(
                options.auther.map { [$0] } ?? [], options.credential), exempt: [],
            throttle: throttle)
        let (home, target) = (home, handle.site)
        site.login = { credentials, client in
            guard case .basic(let user, let password) = credentials else {
                guard case .bearer(let given) = credentials, let token else { return nil }
                return areEqualSecrets(Array(given.utf8).span.bytes, token.span.bytes)
                    ? "token" : nil
            }
            guard asksForUsers else { return nil }
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

    private func open(
        _ site: HTTPSite, _ options: ControlOptions
    ) throws(StartFault) -> HTTPServer {
        let journal = journal
        let log = { (level: LogLevel, event: String, fields: [(name: String, value: String)]) in
            journal(level, event, fields)
        }
        do throws(Errno) {
            let server: HTTPServer
            switch options.address.value {
            case .endpoint(let endpoint):
                server = try HTTPServer(site, at: endpoint, loop: home, log: log)
            case .path(let path):
                server = try HTTPServer(site, atPath: path, loop: home, log: log)
            }
            let address = server.endpoint.map { "\($0)" } ?? "\(options.address.value)"
            journal(
                .info, "listening", [("service", options.part.rawValue), ("address", address)])
            return server
        } catch {
            throw StartFault(
                "\(options.address.location): '\(options.part.rawValue)' cannot listen on "
                    + "\(options.address.value): \(error)")
        }
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

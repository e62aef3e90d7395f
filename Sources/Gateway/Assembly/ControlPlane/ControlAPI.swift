import Configuration
import HTTPService
import Inbound
import Loop
import Model
import Options
import PluginKit

/// The web API: gost's `/config` in its shapes and codes, and our `/flows` and `/users`.
///
/// - `GET /config[?format=json|yaml]`, `POST /config[?path=…&format=…]`, `POST /config/reload`
/// - `GET /config/LIST`, `GET /config/LIST/NAME`, `POST /config/LIST`, `PUT` and `DELETE` of one
/// - `POST /config/quotas/NAME/reset`, `GET /docs`
/// - `GET /flows[?user=…&service=…]`, `DELETE /flows/ID`, `GET /users`,
///   `DELETE /users/NAME/flows`
///
/// Secrets are shown to operators who logged in, since programs read an object, change it and put
/// it back. Where nobody has to log in they are masked: whoever has an account on the machine may
/// ask, and a masked object is refused when it is put back.
///
/// ## Concurrency
/// Confined to the control loop.
final class ControlAPI {
    unowned let gateway: Gateway
    private let prefix: String

    init(_ gateway: Gateway, prefix: String) {
        self.gateway = gateway
        self.prefix = prefix
    }

    /// Whether a path is one of the API's own, which no plugin may take.
    static func isOwn(_ path: String) -> Bool {
        ["config", "docs", "flows", "users"].contains {
            path == "/\($0)" || path.hasPrefix("/\($0)/")
        }
            || path == "/"
    }

    var mounts: [HTTPSite.Mount] {
        [
            mount("/config") { await $0.config($1) },
            mount("/config/", bodyBytes: Limits.apiBodyBytes) { await $0.object($1) },
            mount("/docs") { $0.page($1) },
            mount("/flows") { await $0.flows($1) },
            mount("/flows/") { await $0.cutFlow($1) },
            mount("/users") { await $0.users($1) },
            mount("/users/") { await $0.cutUser($1) },
        ]
    }

    private func mount(
        _ path: String, bodyBytes: Int = 0,
        _ answer: @escaping (ControlAPI, RouteRequest) async -> RouteResponse
    ) -> HTTPSite.Mount {
        HTTPSite.Mount(Route(path: prefix + path, bodyBytes: bodyBytes)) { [self] request in
            await answer(self, request)
        }
    }

    // MARK: Configuration

    private var root: Node { gateway.configuration.loaded.effective }

    func shown(_ node: Node, _ request: RouteRequest) -> Node {
        request.user == nil ? node.withoutSecrets : node
    }

    private func config(_ request: RouteRequest) async -> RouteResponse {
        if request.method == "POST" { return await save(request) }
        guard request.method == "GET" || request.method == "HEAD" else { return Self.notFound }
        let node = await described(root, request)
        switch Self.parameter("format", request) {
        case "yaml":
            return RouteResponse(
                status: 200, fields: [("Content-Type", "text/x-yaml")], body: Array(node.yaml.utf8))
        case nil, "", "json":
            return RouteResponse(
                status: 200, fields: [("Content-Type", "application/json")],
                body: Array(node.json.utf8))
        case .some:
            return Self.error(400, 40001, "format must be json or yaml")
        }
    }

    private func save(_ request: RouteRequest) async -> RouteResponse {
        let format = Self.parameter("format", request).flatMap { $0.isEmpty ? nil : $0 }
        guard [nil, "json", "yaml"].contains(format) else {
            return Self.error(400, 40001, "format must be json or yaml")
        }
        let name = Self.parameter("path", request).flatMap { $0.isEmpty ? nil : $0 }
        guard let hooks = gateway.controlHooks else { return Self.notFound }
        if let reason = await hooks.save(name, format, root) {
            return Self.error(500, 40005, "save config failed: \(reason)")
        }
        gateway.journal(
            .info, "the configuration was saved",
            [("file", name ?? ""), ("user", request.user ?? "")].filter { !$0.1.isEmpty }
                .map { (name: $0.0, value: $0.1) })
        return Self.answer(.applied(""), "save")
    }

    private func object(_ request: RouteRequest) async -> RouteResponse {
        let parts = parts(of: request, below: "/config/")
        if parts == ["reload"] { return await reload(request) }
        if request.method == "POST", parts.count == 3, parts[0] == "quotas", parts[2] == "reset" {
            return await resetQuota(parts[1])
        }
        guard let list = parts.first, parts.count <= 2,
            let edit = ConfigurationEdit(list, of: root)
        else { return Self.notFound }
        let name = parts.count == 2 ? parts[1] : nil
        let isService = list == "services" && ["GET", "HEAD"].contains(request.method)
        let status = isService ? await statuses() : [:]
        switch (request.method, name) {
        case ("GET", nil), ("HEAD", nil):
            let items = edit.objects.map { Self.adding(status, to: shown($0, request)) }
            return Self.data(Self.list(items))
        case ("GET", .some(let name)), ("HEAD", .some(let name)):
            let object = edit.object(name).map { Self.adding(status, to: shown($0, request)) }
            return Self.data(object ?? Self.null)
        case ("POST", nil):
            return await change(request, list, "create", nil) { (edit, object) throws(Fault) in
                try edit.adding(object)
            }
        case ("PUT", .some(let name)):
            return await change(request, list, "update", name) { (edit, object) throws(Fault) in
                try edit.replacing(name, with: object)
            }
        case ("DELETE", .some(let name)):
            return await edited(list, "delete", name) { (edit) throws(Fault) in
                try edit.removing(name)
            }
        default:
            return Self.notFound
        }
    }

    private typealias Fault = ConfigurationEdit.Fault

    private func change(
        _ request: RouteRequest, _ list: String, _ verb: String, _ name: String?,
        _ make: (ConfigurationEdit, Node) throws(Fault) -> Node
    ) async -> RouteResponse {
        guard let body = try? await request.body.whole() else {
            return Self.error(400, 40001, "the object did not come whole")
        }
        let object = Configuration.object(body) ?? Self.nothing
        let name = name ?? object.child("name")?.text ?? ""
        return await edited(list, verb, name) { (edit) throws(Fault) in try make(edit, object) }
    }

    /// Makes one change after another: each begins with what the one before has left, be it an edit
    /// or a reload.
    private func edited(
        _ list: String, _ verb: String, _ name: String,
        _ make: (ConfigurationEdit) throws(Fault) -> Node
    ) async -> RouteResponse {
        await gateway.exclusively {
            guard let edit = ConfigurationEdit(list, of: root) else { return Self.notFound }
            do throws(Fault) {
                return await apply(try make(edit), "\(verb) \(edit.word) \(name)")
            } catch {
                return Self.error(400, error.code, error.message)
            }
        }
    }

    /// Loads the changed configuration as a file would be, and applies the difference.
    private func apply(_ changed: Node, _ doing: String) async -> RouteResponse {
        guard let hooks = gateway.controlHooks else {
            return Self.error(500, 40003, "\(doing) failed: there is nothing to load it with")
        }
        let prepared: PreparedConfiguration
        do {
            prepared = try await hooks.prepare(Array(changed.yaml.utf8))
        } catch {
            return Self.error(500, 40003, "\(doing) failed: \(error)")
        }
        if let problem = prepared.loaded.diagnostics.first(where: { $0.severity == .error }) {
            return Self.error(500, 40003, "\(doing) failed: \(problem.message)")
        }
        return Self.answer(await gateway.applyNow(prepared), doing)
    }

    private func reload(_ request: RouteRequest) async -> RouteResponse {
        guard request.method == "POST", let hooks = gateway.controlHooks
        else { return Self.notFound }
        return Self.answer(await hooks.reload(), "reload")
    }

    // MARK: Flows

    private func flows(_ request: RouteRequest) async -> RouteResponse {
        guard request.method == "GET" || request.method == "HEAD" else { return Self.notFound }
        let user = Self.parameter("user", request)
        let service = Self.parameter("service", request)
        var json = JSONText()
        json.beginObject()
        json.key("flows")
        json.beginList()
        for record in await gateway.openFlows()
        where (user == nil || record.flow.user == user)
            && (service == nil || record.flow.origin.service == service)
        {
            record.write(to: &json)
        }
        json.endList()
        json.endObject()
        return RouteResponse(
            status: 200, fields: [("Content-Type", Self.jsonType)], body: json.bytes)
    }

    private func cutFlow(_ request: RouteRequest) async -> RouteResponse {
        let parts = parts(of: request, below: "/flows/")
        guard request.method == "DELETE", parts.count == 1 else { return Self.notFound }
        let count = await gateway.cutFlows { $0.id.description == parts[0] }
        return count == 0
            ? Self.error(404, 40004, "flow \(parts[0]) not found") : Self.cut(count)
    }

    private func cutUser(_ request: RouteRequest) async -> RouteResponse {
        let parts = parts(of: request, below: "/users/")
        guard request.method == "DELETE", parts.count == 2, parts[1] == "flows"
        else { return Self.notFound }
        return Self.cut(await gateway.cutFlows { $0.user == parts[0] })
    }

    // MARK: Words

    /// The decoded parts of the path behind the API's own; none where one cannot be decoded.
    private func parts(of request: RouteRequest, below path: String) -> [String] {
        let rest = request.path.dropFirst((prefix + path).count)
        let parts = rest.split(separator: "/", omittingEmptySubsequences: false)
        let decoded = parts.compactMap { PercentEncoding.decode($0, plusIsSpace: false) }
        return decoded.count == parts.count ? decoded : []
    }

    private static func parameter(_ name: String, _ request: RouteRequest) -> String? {
        for pair in (request.query ?? "").split(separator: "&") {
            let key = pair.prefix { $0 != "=" }
            guard key == name else { continue }
            return PercentEncoding.decode(pair[key.endIndex...].dropFirst(), plusIsSpace: true)
        }
        return nil
    }
}

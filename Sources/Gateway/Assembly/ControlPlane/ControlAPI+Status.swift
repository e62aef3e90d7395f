import Configuration
import Limiting
import LinuxIO
import Model
import Options
import PluginKit

/// What the API tells of running services, quotas and users.
extension ControlAPI {
    /// A node of the configuration as it is shown: services with their `status`.
    func described(_ node: Node, _ request: RouteRequest) async -> Node {
        let node = shown(node, request)
        guard case .mapping(let entries) = node.value else { return node }
        let status = await statuses()
        let described = entries.map { entry -> (key: Node.Key, value: Node) in
            guard entry.key.text.lowercased() == "services",
                case .sequence(let items) = entry.value.value
            else { return entry }
            let services = items.map { Self.adding(status, to: $0) }
            return (entry.key, Node(.sequence(services), at: entry.value.location))
        }
        return Node(.mapping(described), at: node.location)
    }

    /// A service with its `status`.
    static func adding(_ status: [String: Node], to service: Node) -> Node {
        guard case .mapping(let entries) = service.value, let name = service.child("name")?.text,
            let status = status[name]
        else { return service }
        let key = Node.Key(text: "status", location: service.location)
        return Node(.mapping(entries + [(key, status)]), at: service.location)
    }

    /// gost's `status` of each open service. Its connections are flows here.
    func statuses() async -> [String: Node] {
        let (open, _) = await gateway.collectFlows()
        let sums = gateway.totals.sums(with: open)
        var statuses: [String: Node] = [:]
        for (name, history) in gateway.services?.histories ?? [:] {
            var total = ServiceTotals.Sums()
            for (key, sums) in sums where key.service == name { total.add(sums) }
            statuses[name] = status(name, history, total)
        }
        return statuses
    }

    private func status(
        _ name: String, _ history: ServiceHistory, _ sums: ServiceTotals.Sums
    ) -> Node {
        let events = history.events.map { event in
            Self.mapping([
                ("time", Self.number(event.milliseconds / 1000)), ("msg", Self.text(event.text)),
            ])
        }
        let stats = Self.mapping([
            ("totalConns", Self.number(sums.flows)), ("currentConns", Self.number(sums.open)),
            ("totalErrs", Self.number(sums.errors)),
            ("inputBytes", Self.number(sums.counts.uplinkBytes)),
            ("outputBytes", Self.number(sums.counts.downlinkBytes)),
        ])
        var entries = [
            ("createTime", Self.number(history.createdMilliseconds / 1000)),
            ("state", Self.text("ready")),
            ("events", Node(.sequence(events), at: Self.place)), ("stats", stats),
        ]
        let options = gateway.configuration.loaded.options
        let service = options.services.first { $0.name.value == name }
        let quotas = service.map { gateway.quotas.sources($0) } ?? []
        if !quotas.isEmpty {
            let isOver = quotas.contains { quota in
                quota.usage.contains { $0.holder == .everything && $0.usedBytes >= $0.limitBytes }
            }
            entries.append(("stoppedByLimit", Self.flag(isOver)))
            entries.append(("quotas", Node(.sequence(quotas.flatMap(Self.usage)), at: Self.place)))
        }
        return Self.mapping(entries)
    }

    /// What a quota's holders used, those that used most first.
    private static func usage(of quota: Quota) -> [Node] {
        let usage = quota.usage.sorted {
            ($1.usedBytes, $0.holder.description) < ($0.usedBytes, $1.holder.description)
        }
        return usage.prefix(Limits.quotaHoldersShown).map { usage in
            mapping([
                ("name", text(quota.name)), ("key", text(usage.holder.description)),
                ("used", number(usage.usedBytes)), ("limit", number(usage.limitBytes)),
            ])
        }
    }

    // MARK: Quotas

    /// Lets a quota begin anew for everybody.
    func resetQuota(_ name: String) async -> RouteResponse {
        guard gateway.quotas.quota(name) != nil, hasQuota(name) else {
            return Self.error(400, 40004, "quota \(name) not found")
        }
        do throws(StartFault) {
            try await gateway.resetQuota(name)
            return Self.answer(.applied(""), "reset")
        } catch {
            return Self.error(500, 40003, "reset quota \(name) failed: \(error)")
        }
    }

    private func hasQuota(_ name: String) -> Bool {
        gateway.configuration.loaded.options.quotas.contains { $0.name.value == name }
    }

    // MARK: Users

    /// What the open flows of each user have moved, those that moved most first.
    func users(_ request: RouteRequest) async -> RouteResponse {
        guard request.method == "GET" || request.method == "HEAD" else { return Self.notFound }
        var sums: [String: (flows: Int, uplink: UInt64, downlink: UInt64)] = [:]
        for record in await gateway.openFlows() {
            guard let user = record.flow.user else { continue }
            var sum = sums[user] ?? (0, 0, 0)
            sum.flows += 1
            sum.uplink += record.counts.uplinkBytes
            sum.downlink += record.counts.downlinkBytes
            sums[user] = sum
        }
        let sorted = sums.sorted {
            ($1.value.uplink + $1.value.downlink, $0.key)
                < ($0.value.uplink + $0.value.downlink, $1.key)
        }
        var json = JSONText()
        json.beginObject()
        json.key("users")
        json.beginList()
        for (user, sum) in sorted {
            json.beginObject()
            json.field("user", user)
            json.field("flows", sum.flows)
            json.field("uplink_bytes", sum.uplink)
            json.field("downlink_bytes", sum.downlink)
            json.endObject()
        }
        json.endList()
        json.endObject()
        return RouteResponse(
            status: 200, fields: [("Content-Type", Self.jsonType)], body: json.bytes)
    }
}

import Inbound
import LinuxIO
import Loop
import Metering
import Model
import Options
import PluginKit

/// The services that are open, on every loop, and how one set of them becomes another.
///
/// ## Concurrency
/// Confined to the control loop. `apply` runs once at a time.
final class OpenServices {
    /// A service as it is wanted.
    struct Wanted {
        let plan: ServicePlan
        /// Equal for two that mean the same.
        let fingerprint: String

        var name: String { plan.settings.metered.info.service }
    }

    /// A service that is open.
    private struct Entry {
        var wanted: Wanted
        let door: DoorID
        let endpoint: Endpoint
    }

    /// How many services a change has touched.
    struct Changes: Equatable {
        var opened = 0
        var closed = 0
        var changed = 0
        var kept = 0

        /// Whether everything is as it was.
        var isEmpty: Bool { opened + closed + changed == 0 }
    }

    private let own: OwnEndpoints
    private let journal: Journal
    private let sites: [Gateway.SiteHandle]
    private let settlement: Settlement
    private var entries: [String: Entry] = [:]
    private var order: [String] = []
    /// What has become of the services that are open.
    private(set) var histories: [String: ServiceHistory] = [:]
    private let wallMilliseconds: () -> Int64
    private var doorCount = 0

    /// No service is open yet.
    init(
        sites: [Gateway.SiteHandle], settlement: Settlement, own: OwnEndpoints,
        journal: Journal, wallMilliseconds: @escaping () -> Int64
    ) {
        self.wallMilliseconds = wallMilliseconds
        self.sites = sites
        self.settlement = settlement
        self.own = own
        self.journal = journal
    }

    /// Where each service listens, in the order of the configuration.
    var endpoints: [(service: String, endpoint: Endpoint)] {
        order.compactMap { name in entries[name].map { (name, $0.endpoint) } }
    }

    /// How the flows of each open service are metered.
    var metered: [String: MeteredService] { entries.mapValues(\.wanted.plan.settings.metered) }

    /// Makes the open services those that are wanted. What means the same is not touched; what
    /// listens where it did goes on listening. A throw has changed nothing, but that a service may
    /// have been closed and opened again whose own old address was in its way.
    func apply(_ wanted: [Wanted]) async throws(StartFault) -> Changes {
        var plan = Plan(wanted, entries)
        own.set(entries.values.map(\.endpoint) + plan.toOpen.map(\.plan.address.value))
        let before = Set(entries.values.map { ObjectIdentifier($0.wanted.plan.settings.metered) })
        for one in plan.toOpen + plan.toChange { settlement.add(one.plan.settings.metered) }
        // A new address may be an old one's in another guise; then that has to go first, but not
        // before everything else was had.
        let first = plan.toClose.filter { name in
            plan.toOpen.contains { isInTheWay(name, of: $0) }
        }
        let blocked = plan.toOpen.filter { one in first.contains { isInTheWay($0, of: one) } }
        var opened: [Entry] = []
        var closed: [String] = []
        do throws(StartFault) {
            for one in plan.toOpen where !blocked.contains(where: { $0.name == one.name }) {
                opened.append(try await open(one))
            }
            for name in first {
                await close(name)
                closed.append(name)
            }
            for one in blocked { opened.append(try await open(one)) }
        } catch {
            for entry in opened { await close(entry.door) }
            await reopen(closed, because: error)
            for one in plan.toOpen + plan.toChange
            where !before.contains(ObjectIdentifier(one.plan.settings.metered)) {
                settlement.remove(one.plan.settings.metered)
            }
            own.set(entries.values.map(\.endpoint))
            throw error
        }
        for one in plan.toChange { await change(one) }
        for name in plan.toClose where !first.contains(name) { await close(name) }
        for name in plan.toClose { entries[name] = nil }
        for entry in opened {
            entries[entry.wanted.name] = entry
            note(
                entry.wanted.name, "is running", "is ready", "is listening on \(entry.endpoint)")
        }
        for one in plan.toChange { note(one.name, "is changed") }
        histories = histories.filter { entries[$0.key] != nil }
        order = wanted.map(\.name)
        settlement.keepOnly(entries.values.map(\.wanted.plan.settings.metered))
        own.set(entries.values.map(\.endpoint))
        plan.changes.kept = wanted.count - plan.changes.opened - plan.changes.changed
        return plan.changes
    }

    /// What has to be done.
    private struct Plan {
        var toOpen: [Wanted] = []
        var toChange: [Wanted] = []
        var toClose: [String] = []
        var changes = Changes()

        init(_ wanted: [Wanted], _ entries: [String: Entry]) {
            for one in wanted {
                guard let entry = entries[one.name] else {
                    toOpen.append(one)
                    continue
                }
                if entry.wanted.fingerprint == one.fingerprint { continue }
                let before = entry.wanted.plan
                if before.address.value == one.plan.address.value
                    && before.transport == one.plan.transport
                {
                    toChange.append(one)
                } else {
                    toClose.append(one.name)
                    toOpen.append(one)
                }
            }
            let names = Set(wanted.map(\.name))
            toClose += entries.keys.filter { !names.contains($0) }.sorted()
            changes.opened = toOpen.count
            changes.changed = toChange.count
            changes.closed = toClose.count
        }
    }

    private func isInTheWay(_ name: String, of wanted: Wanted) -> Bool {
        guard let entry = entries[name] else { return false }
        return entry.wanted.plan.transport == wanted.plan.transport
            && entry.endpoint.port == wanted.plan.address.value.port
    }

    private func note(_ name: String, _ events: String...) {
        let now = wallMilliseconds()
        var history = histories[name] ?? ServiceHistory(atMilliseconds: now)
        for event in events { history.note("service \(name) \(event)", atMilliseconds: now) }
        histories[name] = history
    }

    // MARK: Doors

    private func open(_ wanted: Wanted) async throws(StartFault) -> Entry {
        doorCount += 1
        let door = DoorID(number: doorCount)
        let plan = wanted.plan
        var endpoint = plan.address.value
        // The first binds the address for itself alone and lets go of it again, so that a second
        // gateway on the address is found out although loops share it.
        if sites.count > 1 { endpoint = try await probe(plan, endpoint) }
        let isShared = sites.count > 1
        for handle in sites {
            let (site, place) = (handle.site, endpoint)
            let result = await handle.loop.perform { _ -> Result<Endpoint, Errno> in
                Result { () throws(Errno) in
                    try site.value.open(plan, as: door, at: place, isShared: isShared)
                }
            }
            do throws(StartFault) {
                endpoint = try listening(result, plan)
            } catch {
                await close(door)
                throw error
            }
        }
        journal(
            .info, "listening",
            [
                ("service", wanted.name), ("handler", plan.settings.metered.info.handler),
                ("address", endpoint.description), ("transport", plan.transport.name),
            ])
        return Entry(wanted: wanted, door: door, endpoint: endpoint)
    }

    private func probe(
        _ plan: ServicePlan, _ endpoint: Endpoint
    ) async throws(StartFault) -> Endpoint {
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

    private func change(_ wanted: Wanted) async {
        guard let entry = entries[wanted.name] else { return }
        let (door, plan) = (entry.door, wanted.plan)
        for handle in sites {
            let site = handle.site
            await handle.loop.perform { _ in site.value.change(door, to: plan) }
        }
        entries[wanted.name]?.wanted = wanted
        journal(.info, "changed", [("service", wanted.name)])
    }

    private func close(_ name: String) async {
        guard let entry = entries[name] else { return }
        await close(entry.door)
        journal(
            .info, "no longer listening",
            [("service", name), ("address", entry.endpoint.description)])
    }

    private func close(_ door: DoorID) async {
        for handle in sites {
            let site = handle.site
            await handle.loop.perform { _ in site.value.close(door) }
        }
    }

    /// Opens again what was closed for a change that did not come about.
    private func reopen(_ names: [String], because fault: StartFault) async {
        for name in names {
            guard let entry = entries[name] else { continue }
            do throws(StartFault) {
                entries[name] = try await open(entry.wanted)
            } catch {
                entries[name] = nil
                journal(
                    .error, "a service is lost that was closed for a change that failed",
                    [
                        ("service", name), ("change", fault.description),
                        ("error", error.description),
                    ])
            }
        }
    }
}

package import Loop
package import Model
package import PluginKit

/// Receives the loops' reports and hands them to the plugins whose GUID a flow's handler names.
///
/// A slot of an ended flow is released when every observer that must store it has; until then a
/// crash brings the flow back as `recovered`. Flows that nobody observes are released at once.
///
/// ## Concurrency
/// Confined to its own loop (`home`). Loops reach it with `home.execute`.
package final class Settlement {
    /// What the settlement asks of the loops; each call is passed on to the loop's thread.
    package protocol Loops {
        /// Frees slots of a loop.
        func release(_ slots: [UInt32], loop: Int)
        /// Ends flows, wherever they run.
        func cut(_ flows: Set<FlowID>, _ end: FlowEnd)
        /// Tells which GUIDs have a legacy reporter.
        func setReported(_ guids: Set<String>)
    }

    private let home: EventLoop
    private let loops: any Loops
    private let registry: StatsReporterRegistry
    private let makeWorker: (String) throws -> EventLoop
    private let log: @Sendable (LogLevel, String) -> Void
    private let onClosed: (FlowInfo, FlowCounts, FlowEnd, Int64) -> Void
    private var feeds: [String: [PluginFeed]] = [:]
    private var reporters: [String: ReporterFeed] = [:]
    private var services: [ObjectIdentifier: Route] = [:]
    private var hasReporters = false
    private var awaited: [SlotReference: Int] = [:]
    private var recovering: [Int: () -> Void] = [:]
    private var recoveries = 0

    /// Who watches a running service's flows; looked up once per event.
    private struct Route {
        let service: MeteredService
        var feeds: [PluginFeed]
        /// Flows that have opened and not closed.
        var openCount = 0
        /// When the service was changed or closed; nil while it is open.
        var retiredNanoseconds: UInt64?
    }

    /// How long a service that was changed is remembered at least: longer than loops take to report
    /// what they have opened.
    private static let retirementNanoseconds: UInt64 = 10_000_000_000

    /// A settlement without plugins.
    package init(
        home: EventLoop, loops: any Loops, registry: StatsReporterRegistry,
        makeWorker: @escaping (String) throws -> EventLoop,
        log: @escaping @Sendable (LogLevel, String) -> Void,
        onClosed: @escaping (FlowInfo, FlowCounts, FlowEnd, Int64) -> Void
    ) {
        self.home = home
        self.loops = loops
        self.registry = registry
        self.makeWorker = makeWorker
        self.log = log
        self.onClosed = onClosed
    }

    // MARK: Set-up

    /// Makes a service known, once the observers are attached.
    package func add(_ service: MeteredService) {
        let key = ObjectIdentifier(service.info)
        var route = Route(service: service, feeds: observers(of: service.info))
        route.openCount = services[key]?.openCount ?? 0
        services[key] = route
    }

    /// These services are open and no others. One that is not is remembered as long as it has
    /// flows, and looked at again with the next change.
    package func keepOnly(_ open: [MeteredService]) {
        let now = home.nowNanoseconds
        let keys = Set(open.map { ObjectIdentifier($0.info) })
        for (key, route) in services {
            if keys.contains(key) {
                services[key]?.retiredNanoseconds = nil
            } else if let retired = route.retiredNanoseconds {
                let isOver = route.openCount <= 0 && now >= retired + Self.retirementNanoseconds
                if isOver { services[key] = nil }
            } else {
                services[key]?.retiredNanoseconds = now
            }
        }
    }

    /// Services that are known, with those that were changed and may have flows.
    package var serviceCount: Int { services.count }

    /// Forgets a service that came to nothing. Flows of it, should there be any, are told to the
    /// observers of its GUIDs as a dead boot's are.
    package func remove(_ service: MeteredService) {
        services[ObjectIdentifier(service.info)] = nil
    }

    private func observers(of origin: ServiceInfo) -> [PluginFeed] {
        (feeds[Self.everyFlow] ?? []) + origin.guids.flatMap { feeds[$0] ?? [] }
    }

    /// What stands for a GUID where an observer sees every flow, in messages as well.
    private static let everyFlow = "(every flow)"

    /// Attaches an observer of every flow, whatever GUIDs its handler names.
    package func add(everyFlow observer: any FlowObserver, worker: EventLoop) {
        add(observer, guid: Self.everyFlow, worker: worker)
        for (key, route) in services {
            services[key]?.feeds = observers(of: route.service.info)
        }
    }

    /// Attaches an observer under a GUID, behind those already attached.
    package func add(_ observer: any FlowObserver, guid: String, worker: EventLoop) {
        let feed = PluginFeed(
            guid: guid, observer: observer, home: home, worker: worker, log: log,
            // An observer may answer when the gateway is gone already.
            onTaken: { [weak self] in self?.taken($0) },
            onRulings: { [weak self] in self?.ruled($0) })
        feeds[guid, default: []].append(feed)
    }

    // MARK: Reports

    /// Takes a loop's report.
    package func take(_ report: LedgerReport) {
        for (service, packets) in report.dropped {
            for guid in service.guids where isReported(guid) {
                reporters[guid]?.countDropped(packets)
            }
        }
        var released: [UInt32] = []
        var calls: [String: [ReporterFeed.Call]] = [:]
        for event in report.events {
            if hasReporters { call(for: event, into: &calls) }
            switch event {
            case .opened(let flow):
                services[ObjectIdentifier(flow.origin)]?.openCount += 1
                offer(.opened(flow))
            case .counted(let flow, let counts, let moment):
                offer(.counted(flow, counts, atMilliseconds: moment))
            case .packets:
                break
            case .closed(let flow, let counts, let end, let moment, let slot):
                services[ObjectIdentifier(flow.origin)]?.openCount -= 1
                onClosed(flow, counts, end, moment)
                let reference = SlotReference(loop: report.loop, index: slot)
                let event = FlowEvent.closed(flow, counts, end, atMilliseconds: moment)
                if !offer(event, slot: reference) { released.append(slot) }
            }
        }
        for (guid, calls) in calls { reporters[guid]?.deliver(calls) }
        if !released.isEmpty { loops.release(released, loop: report.loop) }
        for feed in feeds.values.joined() { feed.deliver() }
    }

    @discardableResult
    private func offer(_ event: FlowEvent, slot: SlotReference? = nil) -> Bool {
        let origin = event.flow.origin
        // A dead boot's services are none of ours.
        let takers = services[ObjectIdentifier(origin)]?.feeds ?? observers(of: origin)
        if let slot, !takers.isEmpty { awaited[slot] = takers.count }
        for feed in takers { feed.add(event, slot: slot) }
        return !takers.isEmpty
    }

    private func taken(_ slots: [SlotReference]) {
        var released: [Int: [UInt32]] = [:]
        for slot in slots {
            guard let left = awaited[slot] else { continue }
            awaited[slot] = left > 1 ? left - 1 : nil
            if left == 1 { released[slot.loop, default: []].append(slot.index) }
        }
        for (loop, indices) in released where loop >= 0 { loops.release(indices, loop: loop) }
        finishRecoveries()
    }

    private func ruled(_ rulings: [FlowRuling]) {
        var refused: Set<FlowID> = []
        for ruling in rulings {
            guard let reason = ruling.verdict.refusal else { continue }
            refused.insert(ruling.flow)
            log(.info, "a plugin ends flow \(ruling.flow): \(reason)")
        }
        if refused.isEmpty { return }
        loops.cut(refused, FlowEnd(by: .gateway, phase: .relay, cause: .ruled))
    }

    // MARK: Legacy reporters

    /// Looks again which GUIDs have reporters; the registry calls for it when it changes.
    package func reportersChanged() {
        // A reporter that was there hears the ends of what it heard begin.
        hasReporters = hasReporters || !registry.isEmpty
        loops.setReported(registry.guids)
    }

    private func call(for event: LedgerEvent, into calls: inout [String: [ReporterFeed.Call]]) {
        let flow: FlowInfo
        let kind: ReporterFeed.Call.Kind
        switch event {
        case .opened(let info): (flow, kind) = (info, .start)
        case .packets(let info, let direction, let bytes, let count):
            (flow, kind) = (info, .packets(direction, byteCount: bytes, count: count))
        case .closed(let info, _, _, _, _): (flow, kind) = (info, .end)
        case .counted: return
        }
        guard let service = services[ObjectIdentifier(flow.origin)]?.service,
            flow.transport == .udp || service.reportsTCP
        else { return }
        let call = ReporterFeed.Call(
            flow: flow, usesAerocoreDirections: service.usesAerocoreDirections, kind: kind)
        for guid in flow.origin.guids where isReported(guid) {
            calls[guid, default: []].append(call)
        }
    }

    private func isReported(_ guid: String) -> Bool {
        if reporters[guid] != nil { return true }
        guard registry.reporter(guid: guid) != nil else { return false }
        do {
            let worker = try makeWorker("weir-reporter")
            reporters[guid] = ReporterFeed(
                guid: guid, registry: registry, home: home, worker: worker, log: log)
            return true
        } catch {
            log(.error, "reporter '\(guid)' hears nothing: it gets no thread: \(error)")
            return false
        }
    }

    // MARK: Recovery

    /// Tells the flows of a dead boot. `done` is called when every observer has stored its share.
    package func recover(_ boot: DeadBoot, done: @escaping () -> Void) {
        recoveries += 1
        let loop = -recoveries
        recovering[loop] = done
        for (index, flow) in boot.flows.enumerated() {
            let reference = SlotReference(loop: loop, index: UInt32(index))
            onClosed(flow.info, flow.counts, flow.end, flow.touchedMilliseconds)
            offer(
                .recovered(
                    flow.info, flow.counts, flow.end, atMilliseconds: flow.touchedMilliseconds),
                slot: reference)
        }
        for feed in feeds.values.joined() { feed.deliver() }
        finishRecoveries()
    }

    private func finishRecoveries() {
        guard !recovering.isEmpty else { return }
        let pending = Set(awaited.keys.lazy.map(\.loop).filter { $0 < 0 })
        for (loop, done) in recovering where !pending.contains(loop) {
            recovering[loop] = nil
            done()
        }
    }

    // MARK: Draining

    /// Whether every ended flow was stored by everybody who must store it.
    package var isSettled: Bool { awaited.isEmpty }

    /// Calls `done` once every observer has taken everything handed over before, and every legacy
    /// reporter has been called back about it.
    package func whenIdle(_ done: @escaping () -> Void) {
        let all = Array(feeds.values.joined())
        var left = all.count + reporters.count
        if left == 0 { return done() }
        let one = {
            left -= 1
            if left == 0 { done() }
        }
        for feed in all {
            feed.deliver()
            feed.whenIdle(one)
        }
        for reporter in reporters.values { reporter.whenIdle(one) }
    }

    /// Flows that each GUID's observers lost because they stayed behind, or hear of at the next
    /// start only, and packets that each
    /// GUID's reporter lost.
    package var drops: [(guid: String, flows: UInt64, packets: UInt64)] {
        let guids = Set(feeds.keys).union(reporters.keys).sorted()
        return guids.map { guid in
            let flows = (feeds[guid] ?? []).reduce(0) {
                $0 + $1.droppedFlows + UInt64($1.deferredFlows)
            }
            return (guid, flows, reporters[guid]?.droppedPackets ?? 0)
        }
    }
}

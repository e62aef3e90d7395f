import Configuration
import Inbound
import Limiting
import LinuxIO
import Loop
import Metering
import Model
import Options
import PluginKit
import Storage

/// The quotas of a configuration: what they count, and where that is kept.
///
/// ## Concurrency
/// Confined to the control loop; quotas are shared with the other loops.
final class QuotaSet {
    private var quotas: [String: Quota] = [:]
    /// What each quota counts and when, as it was when it was made.
    private var termsByName: [String: String] = [:]
    /// Quotas that know what was used of them before.
    private var restored: Set<String> = []
    private var isForgetful = false
    private var keeper: QuotaKeeper?
    private var worker: EventLoop?

    /// Makes the quotas that are new. Those of the same name stay with what they have counted.
    func prepare(_ options: GatewayOptions, _ gateway: Gateway) throws(StartFault) {
        let (driver, box) = (LoopConfined(gateway.home.driver), LoopConfined(WeakGateway(gateway)))
        let home = gateway.home
        for quota in options.quotas where quotas[quota.name.value] == nil {
            termsByName[quota.name.value] = Self.termsText(quota)
            quotas[quota.name.value] = Quota(
                name: quota.name.value, quota.lines, terms: try terms(quota),
                clock: { driver.value.wallMilliseconds() },
                onExhausted: { name, supply in
                    home.execute { _ in box.value.gateway?.end(flowsOf: supply, quota: name) }
                })
        }
    }

    /// Has what flows of a configuration's services use of quotas kept, from a moment on, if any
    /// service names one and state is kept at all.
    func keep(
        _ options: GatewayOptions, fromMilliseconds moment: Int64, _ gateway: Gateway,
        _ settlement: Settlement
    ) throws(StartFault) {
        let byService = sourcesByService(options)
        if byService.isEmpty { return }
        if keeper == nil { try open(gateway, settlement) }
        keeper?.add(byService, fromMilliseconds: moment)
    }

    private func open(_ gateway: Gateway, _ settlement: Settlement) throws(StartFault) {
        guard let directory = gateway.environment.stateDirectory else {
            if !isForgetful {
                gateway.journal(
                    .warn,
                    "what is used of quotas is forgotten at the end: there is no state directory")
            }
            isForgetful = true
            return
        }
        do {
            let keeper = QuotaKeeper(try QuotaStore(path: directory + "/quotas.db"))
            let worker = try gateway.environment.makeLoop(name: "weir-quotas", index: -1)
            self.worker = worker
            self.keeper = keeper
            settlement.add(everyFlow: keeper, worker: worker)
        } catch {
            throw StartFault("what was used of quotas cannot be read: \(error)")
        }
    }

    /// Waits until the flows of dead runs are counted.
    func awaitRecovery(_ gateway: Gateway, _ settlement: Settlement) async {
        if keeper == nil { return }
        let isCounted = await gateway.home.wait(
            nanoseconds: UInt64(Limits.quotaRecoveryMilliseconds) * 1_000_000
        ) { done in settlement.whenIdle(done) }
        if !isCounted {
            gateway.journal(.error, "quotas lack what an earlier run's last flows have used")
        }
    }

    /// Tells the quotas that a configuration's services name what was used of them before, each
    /// once: before their first flow.
    func restore(_ options: GatewayOptions, _ gateway: Gateway) async throws(StartFault) {
        guard let keeper, let worker else { return }
        let named = Set(options.services.flatMap { $0.quotas.map(\.value) })
        let fresh = named.subtracting(restored).sorted().compactMap { quotas[$0] }
        if fresh.isEmpty { return }
        let moment = gateway.home.driver.wallMilliseconds()
        let answer = await gateway.home.ask(
            worker, withinNanoseconds: UInt64(Limits.quotaRecoveryMilliseconds) * 1_000_000
        ) { try keeper.restore(fresh, atMilliseconds: moment) }
        if case .failed(let reason) = answer {
            throw StartFault("what was used of quotas cannot be read: \(reason)")
        }
        restored.formUnion(named)
    }

    /// Takes the lines of the configuration that runs now; whether any has changed. Terms are
    /// those that a quota had first.
    func revise(_ gateway: Gateway) -> Bool {
        let options = gateway.configuration.loaded.options
        var isChanged = false
        for quota in options.quotas where quotas[quota.name.value]?.replace(quota.lines) == true {
            isChanged = true
        }
        for quota in options.quotas
        where !(termsByName[quota.name.value] ?? "").isEmpty
            && termsByName[quota.name.value] != Self.termsText(quota)
        {
            gateway.journal(
                .warn, "the terms of a quota change at the next start",
                [("quota", quota.name.value)])
        }
        keepOnly(options)
        return isChanged
    }

    /// What flows use is kept for the quotas that a configuration's services name, of those that
    /// it is kept for, and no others.
    func keepOnly(_ options: GatewayOptions) { keeper?.keepOnly(sourcesByService(options)) }

    /// Lets a quota begin anew in its present period. Bytes that loops hold in advance at this
    /// moment are nobody's.
    func reset(_ name: String, _ gateway: Gateway) async throws(StartFault) {
        guard let quota = quotas[name] else { return }
        if let keeper, let worker {
            let moment = gateway.home.driver.wallMilliseconds()
            let answer = await gateway.home.ask(
                worker, withinNanoseconds: UInt64(Limits.quotaRecoveryMilliseconds) * 1_000_000
            ) { try keeper.reset(quota, atMilliseconds: moment) }
            if case .failed(let reason) = answer { throw StartFault(reason) }
        }
        quota.reset()
    }

    /// A quota by its name; nil where there is none.
    func quota(_ name: String) -> Quota? { quotas[name] }

    /// The quotas that a service names.
    func sources(_ service: ServiceOptions) -> [Quota] {
        service.quotas.compactMap { quotas[$0.value] }
    }

    private func sourcesByService(_ options: GatewayOptions) -> [String: [Quota]] {
        var byService: [String: [Quota]] = [:]
        for service in options.services where !service.quotas.isEmpty {
            byService[service.name.value] = sources(service)
        }
        return byService
    }

    /// Ends the worker; everything was handed over before.
    func close(_ environment: any GatewayEnvironment) {
        if let worker { environment.endLoop(worker) }
        worker = nil
        keeper = nil
    }

    // MARK: Terms

    /// What is wrong with a quota that only the system knows: its time zone.
    static func objection(to quota: QuotaOptions) -> Diagnostic? {
        guard let zone = quota.timeZone, DayRules(zone: zone.value) == nil else { return nil }
        return Diagnostic(
            .error, at: zone.location, "there is no time zone '\(zone.value)'",
            hint: "names are such as Europe/Berlin")
    }

    private func terms(_ quota: QuotaOptions) throws(StartFault) -> QuotaTerms {
        var days = DayRules.utc
        if let zone = quota.timeZone {
            guard let rules = DayRules(zone: zone.value) else {
                throw StartFault(
                    "\(zone.location): the time zone '\(zone.value)' is gone from the system")
            }
            days = rules
        }
        return QuotaTerms(
            counted: counted(quota), period: period(quota),
            startsMilliseconds: quota.startsMilliseconds, endsMilliseconds: quota.endsMilliseconds,
            offsetSeconds: { [days] in days.offsetSeconds(atMilliseconds: $0) })
    }

    private static func termsText(_ quota: QuotaOptions) -> String {
        let edges = [quota.startsMilliseconds, quota.endsMilliseconds]
            .map { $0.map { "\($0)" } ?? "" }
        return "\(quota.counted) \(quota.period) \(quota.timeZone?.value ?? "") \(edges)"
    }

    private func counted(_ quota: QuotaOptions) -> QuotaTerms.Counted {
        switch quota.counted {
        case .total: .total
        case .uplink: .uplink
        case .downlink: .downlink
        }
    }

    private func period(_ quota: QuotaOptions) -> QuotaTerms.Period {
        switch quota.period {
        case .whole: .whole
        case .day: .day
        case .month: .month
        }
    }
}

/// A gateway that its quotas do not keep alive.
///
/// ## Concurrency
/// Confined to the control loop.
final class WeakGateway {
    weak var gateway: Gateway?

    init(_ gateway: Gateway) { self.gateway = gateway }
}

extension Gateway {
    /// Ends every flow that takes from a supply that has come to its end.
    fileprivate func end(flowsOf supply: any Supply, quota: String) {
        journal(.info, "a quota is used up; its flows end", [("quota", quota)])
        onEverySite { $0.station.shaper.end(flowsOf: supply) }
    }
}

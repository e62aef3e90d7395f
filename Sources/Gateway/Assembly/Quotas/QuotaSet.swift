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
    private var keeper: QuotaKeeper?
    private var worker: EventLoop?

    /// Makes the quotas that are new. Those of the same name stay with what they have counted.
    func prepare(_ options: GatewayOptions, _ gateway: Gateway) throws(StartFault) {
        let (driver, box) = (LoopConfined(gateway.home.driver), LoopConfined(WeakGateway(gateway)))
        let home = gateway.home
        for quota in options.quotas where quotas[quota.name.value] == nil {
            quotas[quota.name.value] = Quota(
                name: quota.name.value, quota.lines, terms: try terms(quota),
                clock: { driver.value.wallMilliseconds() },
                onExhausted: { name, supply in
                    home.execute { _ in box.value.gateway?.end(flowsOf: supply, quota: name) }
                })
        }
    }

    /// Has what is used of quotas kept, if any service names one and state is kept at all.
    func keep(_ gateway: Gateway, _ settlement: Settlement) throws(StartFault) {
        let byService = sourcesByService(gateway.configuration.loaded.options)
        guard !byService.isEmpty, keeper == nil else {
            keeper?.setQuotas(byService)
            return
        }
        guard let directory = gateway.environment.stateDirectory else {
            return gateway.journal(
                .warn, "what is used of quotas is forgotten at the end: there is no state directory"
            )
        }
        do {
            let keeper = QuotaKeeper(
                try QuotaStore(path: directory + "/quotas.db", quotas: byService))
            let worker = try gateway.environment.makeLoop(name: "weir-quotas", index: -1)
            self.worker = worker
            self.keeper = keeper
            settlement.add(everyFlow: keeper, worker: worker)
        } catch {
            throw StartFault("what was used of quotas cannot be read: \(error)")
        }
    }

    /// Waits until the flows of dead runs are counted, and tells the quotas what was used.
    func restore(_ gateway: Gateway, _ settlement: Settlement) async throws(StartFault) {
        guard let keeper else { return }
        let isCounted = await gateway.home.wait(
            nanoseconds: UInt64(Limits.quotaRecoveryMilliseconds) * 1_000_000
        ) { done in settlement.whenIdle(done) }
        if !isCounted {
            gateway.journal(.error, "quotas lack what an earlier run's last flows have used")
        }
        do {
            try keeper.restore(atMilliseconds: gateway.home.driver.wallMilliseconds())
        } catch {
            throw StartFault("what was used of quotas cannot be read: \(error)")
        }
    }

    /// Takes the lines of another configuration; terms are those of the start.
    func revise(_ gateway: Gateway, _ settlement: Settlement) throws(StartFault) {
        let options = gateway.configuration.loaded.options
        for quota in options.quotas { quotas[quota.name.value]?.replace(quota.lines) }
        try keep(gateway, settlement)
    }

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

    private func terms(_ quota: QuotaOptions) throws(StartFault) -> QuotaTerms {
        var days = DayRules.utc
        if let zone = quota.timeZone {
            guard let rules = DayRules(zone: zone.value) else {
                throw StartFault(
                    "\(zone.location): there is no time zone '\(zone.value)'; names are such as "
                        + "Europe/Berlin")
            }
            days = rules
        }
        return QuotaTerms(
            counted: counted(quota), period: period(quota),
            startsMilliseconds: quota.startsMilliseconds, endsMilliseconds: quota.endsMilliseconds,
            offsetSeconds: { [days] in days.offsetSeconds(atMilliseconds: $0) })
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
private final class WeakGateway {
    weak var gateway: Gateway?

    init(_ gateway: Gateway) { self.gateway = gateway }
}

extension Gateway {
    /// Ends every flow that takes from a supply that has come to its end.
    fileprivate func end(flowsOf supply: any Supply, quota: String) {
        journal(.info, "a quota is used up; its flows end", [("quota", quota)])
        onEverySite { $0.station.shaper.end(flowsOf: supply) }
    }

    /// Limits of another configuration hold from now on, for flows that run as well.
    func reviseLimits(_ settlement: Settlement) throws(StartFault) {
        let options = configuration.loaded.options
        let now = home.nowNanoseconds
        for limiter in options.limiters {
            objects.known(.limiters, limiter.name.value, as: TrafficLimiter.self)?
                .replace(limiter.trafficLines, nowNanoseconds: now)
        }
        for limiter in options.connectionLimiters {
            objects.known(.climiters, limiter.name.value, as: ConnectionLimiter.self)?
                .replace(limiter.lines)
        }
        for limiter in options.arrivalLimiters {
            objects.known(.rlimiters, limiter.name.value, as: ArrivalLimiter.self)?
                .replace(limiter.lines, nowNanoseconds: now)
        }
        try quotas.revise(self, settlement)
        onEverySite { $0.station.shaper.rebind() }
    }
}

extension LimitListOptions<TrafficLimitOptions> {
    /// The lines as a limiter takes them.
    var trafficLines: [(key: LimitKey, value: TrafficRates)] {
        lines.map { line in
            (line.key, TrafficRates(uplink: line.value.uplink, downlink: line.value.downlink))
        }
    }
}

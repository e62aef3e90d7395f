import Configuration
import Inbound
import Limiting
import Loop
import Model
import Options
import PluginKit

/// Limits that change while flows run.
extension Gateway {
    /// Limits of another configuration hold from now on, for flows that run as well.
    func reviseLimits() {
        let options = configuration.loaded.options
        let now = home.nowNanoseconds
        var isChanged = quotas.revise(self)
        for limiter in options.limiters {
            let known = objects.known(.limiters, limiter.name.value, as: TrafficLimiter.self)
            if known?.replace(Self.rates(limiter.lines), nowNanoseconds: now) == true {
                isChanged = true
            }
        }
        for limiter in options.connectionLimiters {
            objects.known(.climiters, limiter.name.value, as: ConnectionLimiter.self)?
                .replace(limiter.lines)
        }
        for limiter in options.arrivalLimiters {
            objects.known(.rlimiters, limiter.name.value, as: ArrivalLimiter.self)?
                .replace(limiter.lines, nowNanoseconds: now)
        }
        if isChanged { onEverySite { $0.station.shaper.rebind() } }
        followLimits()
    }

    /// Lets a quota begin anew in its present period, for everybody.
    func resetQuota(_ name: String) async throws(StartFault) {
        // What was moved before is stored before.
        _ = await settle(withinNanoseconds: UInt64(Limits.quotaRecoveryMilliseconds) * 1_000_000)
        try await quotas.reset(name, self)
        journal(.info, "a quota begins anew", [("quota", name)])
    }

    /// Has the files of limits followed: what they say holds at once, for flows that run as well.
    func followLimits() {
        let options = configuration.loaded.options
        limitRound += 1
        files.forget(.limits)
        for limiter in options.limiters {
            let name = limiter.name.value
            follow(
                limiter.file, "limiter '\(name)'",
                objects.known(.limiters, name, as: TrafficLimiter.self),
                reread: { limiter.reread(with: $0).map { Self.rates($0) } },
                replace: { $0.replace($1, nowNanoseconds: $2) })
        }
        for limiter in options.connectionLimiters {
            let name = limiter.name.value
            follow(
                limiter.file, "climiter '\(name)'",
                objects.known(.climiters, name, as: ConnectionLimiter.self),
                reread: { limiter.reread(with: $0) },
                replace: { limiter, lines, _ in
                    limiter.replace(lines)
                    return false
                })
        }
        for limiter in options.arrivalLimiters {
            let name = limiter.name.value
            follow(
                limiter.file, "rlimiter '\(name)'",
                objects.known(.rlimiters, name, as: ArrivalLimiter.self),
                reread: { limiter.reread(with: $0) },
                replace: { limiter, lines, now in
                    limiter.replace(lines, nowNanoseconds: now)
                    return false
                })
        }
        for quota in options.quotas {
            follow(
                quota.file, "quota '\(quota.name.value)'", quotas.quota(quota.name.value),
                reread: { quota.reread(with: $0) },
                replace: { quota, lines, _ in quota.replace(lines) })
        }
    }

    /// Follows one file. `replace` says whether flows that run have other limits now.
    private func follow<Target: AnyObject & Sendable, Value: Sendable>(
        _ file: ListFile?, _ object: String, _ target: Target?,
        reread: @escaping @Sendable (@escaping FileReader) -> Reread<Value>,
        replace: @escaping @Sendable (Target, Value, UInt64) -> Bool
    ) {
        guard let target else { return }
        let (home, round, box) = (home, limitRound, LoopConfined(WeakGateway(self)))
        files.follow(
            file, of: object, for: target, in: .limits, reread: reread,
            publish: { target, value in
                home.execute { loop in
                    // A reload meanwhile has read the file itself.
                    guard let gateway = box.value.gateway, gateway.limitRound == round
                    else { return }
                    if replace(target, value, loop.nowNanoseconds) {
                        gateway.onEverySite { $0.station.shaper.rebind() }
                    }
                }
            })
    }

    /// The lines of a limiter as it takes them.
    static func rates(
        _ lines: [(key: LimitKey, value: TrafficLimitOptions)]
    ) -> [(key: LimitKey, value: TrafficRates)] {
        lines.map { line in
            (line.key, TrafficRates(uplink: line.value.uplink, downlink: line.value.downlink))
        }
    }
}

package import Loop
import Model

/// What the limits of one loop have in common: the loop's allowances, and the flows that are
/// limited.
///
/// Bytes that were granted and lie unused are given back, so that other loops get them.
///
/// ## Concurrency
/// Confined to its loop.
package final class Shaper: TimerHandler {
    /// The loop.
    let loop: EventLoop
    private var allowances: [ObjectIdentifier: Allowance] = [:]
    private var watched: [Allowance] = []
    private var flows: [ObjectIdentifier: FlowLimits] = [:]
    private var timer = TimerToken.none

    /// Nothing is limited yet.
    package init(loop: EventLoop) { self.loop = loop }

    /// Flows that have limits, or would have after a change.
    package var flowCount: Int { flows.count }
    /// Supplies that this loop takes from.
    package var allowanceCount: Int { allowances.count }

    // MARK: Flows

    func add(_ limits: FlowLimits) { flows[ObjectIdentifier(limits)] = limits }
    func remove(_ limits: FlowLimits) { flows[ObjectIdentifier(limits)] = nil }

    /// The limits have changed: every flow looks up again which are its own.
    package func rebind() {
        for limits in Array(flows.values) { limits.rebind() }
    }

    /// A supply has come to its end: every flow that takes from it ends.
    package func end(flowsOf supply: any Supply) {
        for limits in Array(flows.values) where limits.takes(from: supply) {
            limits.flow?.allowanceEnded()
        }
    }

    // MARK: Allowances

    func allowance(of supply: any Supply) -> Allowance {
        let key = ObjectIdentifier(supply)
        let allowance =
            allowances[key] ?? Allowance(supply, loop: loop) { [unowned self] in watch($0) }
        allowances[key] = allowance
        allowance.laneCount += 1
        return allowance
    }

    func leave(_ allowance: Allowance) {
        allowance.laneCount -= 1
        guard allowance.laneCount == 0 else { return }
        allowances[ObjectIdentifier(allowance.supply)] = nil
        allowance.close()
    }

    private func watch(_ allowance: Allowance) {
        if allowance.isWatched { return }
        allowance.isWatched = true
        allowance.wasUsed = true
        watched.append(allowance)
        if timer == .none { arm() }
    }

    package func timerFired(tag: UInt8) {
        timer = .none
        watched.removeAll { allowance in
            defer { allowance.wasUsed = false }
            if allowance.wasUsed { return false }
            allowance.returnUnused()
            allowance.isWatched = false
            return true
        }
        if !watched.isEmpty { arm() }
    }

    private func arm() {
        timer = loop.arm(
            afterNanoseconds: UInt64(Limits.grantMilliseconds) * 1_000_000, self)
    }
}

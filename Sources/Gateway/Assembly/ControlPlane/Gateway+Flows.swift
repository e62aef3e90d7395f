import Inbound
import LinuxIO
import Loop
import Metering
import Model

/// What the API and the metrics ask about flows.
extension Gateway {
    /// Ends the open flows for which `isMeant` says so; how many there were.
    func cutFlows(_ isMeant: @escaping @Sendable (FlowInfo) -> Bool) async -> Int {
        var count = 0
        let end = FlowEnd(by: .gateway, phase: .relay, cause: .ruled)
        for handle in sites {
            let site = handle.site
            count += await handle.loop.perform { _ in
                var ids: Set<FlowID> = []
                site.value.station.ledger.forEachOpen { meter in
                    if isMeant(meter.flow) { ids.insert(meter.flow.id) }
                }
                site.value.station.ledger.cut(ids, end)
                return ids.count
            }
        }
        return count
    }

    /// The open flows, once everything that closed before is in the totals; and how long each loop
    /// took to answer, in seconds.
    func collectFlows() async -> (flows: [FlowRecord], lags: [Double]) {
        totals.beginCollecting()
        var records: [FlowRecord] = []
        var lags: [Double] = []
        for handle in sites {
            let site = handle.site
            let asked = home.driver.monotonicNanoseconds()
            records += await handle.loop.perform { _ in
                site.value.station.ledger.settle()
                return site.value.openFlows()
            }
            lags.append(Double(home.driver.monotonicNanoseconds() - asked) / 1e9)
        }
        await takeReports()
        return (records, lags)
    }
}

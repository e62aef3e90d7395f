import Inbound
import Loop
import Metering
import Model

/// What the admin socket and the settlement ask of a running gateway.
extension Gateway {
    /// The flows open now, of all loops.
    func openFlows() async -> [FlowRecord] {
        var records: [FlowRecord] = []
        for handle in sites {
            let site = handle.site
            records += await handle.loop.perform { _ in site.value.openFlows() }
        }
        return records
    }

    /// Returns when everything counted until now was taken by every observer, or the time is over.
    func settle(withinNanoseconds limit: UInt64) async -> Bool {
        for handle in sites {
            let site = handle.site
            await handle.loop.perform { _ in site.value.station.ledger.settle() }
        }
        await takeReports()
        guard let settlement else { return true }
        return await home.wait(nanoseconds: limit) { done in settlement.whenIdle(done) }
    }

    /// Returns when every report that a loop has handed over is with the settlement. A loop that
    /// answers before its asker waits does not come by the mailbox, where its report still lies.
    func takeReports() async { await home.perform { _ in } }

    /// Flows and packets that plugins lost because they stayed behind.
    var drops: [(guid: String, flows: UInt64, packets: UInt64)] { settlement?.drops ?? [] }

    /// Watches every loop from now on: `onSign` is called, on the control loop, four times in an
    /// interval while all of them answer in time. Loops that do not are reported in the log.
    package func watchLoops(intervalNanoseconds: UInt64, onSign: @escaping () -> Void) {
        _ = LoopWatch(
            home: home, loops: sites.map(\.loop), intervalNanoseconds: intervalNanoseconds,
            journal: journal, onSign: onSign)
    }

    /// Passes a call on to every loop.
    func onEverySite(_ body: @escaping @Sendable (Site) -> Void) {
        for handle in sites {
            let site = handle.site
            handle.loop.execute { _ in body(site.value) }
        }
    }

    /// Passes a call on to one loop; after the stop there is none.
    func onSite(_ index: Int, _ body: @escaping @Sendable (Site) -> Void) {
        guard index < sites.count else { return }
        let site = sites[index].site
        sites[index].loop.execute { _ in body(site.value) }
    }
}

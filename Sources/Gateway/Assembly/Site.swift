import Inbound
import LinuxIO
import Loop
import Metering
import Model
import PluginKit
import Relay
import Routing

/// Everything of the gateway that lives on one of its loops.
///
/// ## Concurrency
/// Made, used and dropped on its loop. `LoopConfined` carries it through the control loop.
final class Site {
    let station: Station
    private var listeners: [Listener] = []
    private var forwarders: [DatagramForwarder] = []

    init(_ station: Station) { self.station = station }

    /// Opens a service on this loop and returns where it listens.
    func open(_ plan: ServicePlan, at endpoint: Endpoint, isShared: Bool) throws(Errno) -> Endpoint
    {
        let desk = ServiceDesk(
            station: station, settings: plan.settings, admissions: plan.admissions,
            resolver: plan.makeResolver(station), guarding: plan.guarding,
            passing: plan.passing)
        switch plan.transport {
        case .tcp:
            let listener = try Listener(
                station, at: endpoint, isShared: isShared, serve: { await desk.serve($0) })
            try listener.start()
            listeners.append(listener)
            return listener.endpoint
        case .udp:
            let forwarder = try DatagramService.make(desk, at: endpoint, isShared: isShared)
            try forwarder.start()
            forwarders.append(forwarder)
            return forwarder.listener
        }
    }

    /// Stops taking new connections; what runs goes on.
    func stopAccepting() {
        for listener in listeners { listener.close() }
        listeners.removeAll()
    }

    /// Ends everything that still runs.
    func cut() {
        let end = FlowEnd(by: .gateway, phase: .relay, cause: .shutdown)
        for forwarder in forwarders { forwarder.end(end) }
        forwarders.removeAll()
        station.cutAll()
    }

    /// Hands over what is left to the settlement and releases what is kept for reuse.
    func close() {
        station.ledger.stop()
        station.close()
    }

    /// The flows open now, as interval records.
    func openFlows() -> [FlowRecord] {
        var records: [FlowRecord] = []
        let now = station.loop.driver.wallMilliseconds()
        station.ledger.forEachOpen { meter in
            records.append(
                FlowRecord(of: meter.flow, meter.counts, sequence: 0, atMilliseconds: now))
        }
        return records
    }
}

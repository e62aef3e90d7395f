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
    private var doors: [DoorID: Door] = [:]
    private var desks: [DoorID: ServiceDesk] = [:]

    /// What takes a service's connections or datagrams.
    private enum Door {
        case listener(Listener)
        case forwarder(DatagramForwarder)
    }

    init(_ station: Station) { self.station = station }

    // MARK: Services

    /// Opens a service on this loop and returns where it listens.
    func open(
        _ plan: ServicePlan, as door: DoorID, at endpoint: Endpoint, isShared: Bool
    ) throws(Errno) -> Endpoint {
        let desk = desk(plan)
        switch plan.transport {
        case .tcp:
            let listener = try Listener(
                station, at: endpoint, isShared: isShared, takes: { desk.takes($0) },
                serve: { await desk.serve($0) })
            try listener.start()
            doors[door] = .listener(listener)
            desks[door] = desk
            return listener.endpoint
        case .udp:
            let forwarder = try DatagramService.make(desk, at: endpoint, isShared: isShared)
            try forwarder.start()
            doors[door] = .forwarder(forwarder)
            return forwarder.listener
        }
    }

    /// Has an open service go on as another plan says, for all that comes from now on.
    func change(_ door: DoorID, to plan: ServicePlan) {
        let desk = desk(plan)
        desks[door]?.retire()
        desks[door] = desk
        switch doors[door] {
        case .listener(let listener):
            listener.change(takes: { desk.takes($0) }, serve: { await desk.serve($0) })
        case .forwarder(let forwarder): DatagramService.change(forwarder, to: desk)
        case nil: preconditionFailure("a service that is not open was changed")
        }
    }

    /// Closes a service's address. Its connections go on to their ends; datagram flows end, since
    /// they live in the socket that is closed.
    func close(_ door: DoorID) {
        desks.removeValue(forKey: door)?.retire()
        switch doors.removeValue(forKey: door) {
        case .listener(let listener): listener.close()
        case .forwarder(let forwarder):
            forwarder.end(FlowEnd(by: .gateway, phase: .relay, cause: .shutdown))
        case nil: break
        }
    }

    private func desk(_ plan: ServicePlan) -> ServiceDesk {
        ServiceDesk(
            station: station, settings: plan.settings, admissions: plan.admissions,
            resolver: plan.makeResolver(station), guarding: plan.guarding,
            route: plan.makeRoute(station), passing: plan.passing)
    }

    // MARK: Stop

    /// Stops taking new connections; what runs goes on.
    func stopAccepting() {
        for case (_, .listener(let listener)) in doors { listener.close() }
        station.retire()
    }

    /// Ends everything that still runs.
    func cut() {
        let end = FlowEnd(by: .gateway, phase: .relay, cause: .shutdown)
        // In the order of their opening, so that a simulation can be repeated.
        for (_, door) in doors.sorted(by: { $0.key < $1.key }) {
            if case .forwarder(let forwarder) = door { forwarder.end(end) }
        }
        doors.removeAll()
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

/// One opening of a service at an address, the same on every loop.
struct DoorID: Hashable, Comparable, Sendable {
    let number: Int

    static func < (one: DoorID, other: DoorID) -> Bool { one.number < other.number }
}

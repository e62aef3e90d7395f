import LinuxIO
import Loop
import Metering
import Model

/// Makes the records of a service's flows.
///
/// ## Concurrency
/// Confined to its loop.
struct FlowFactory {
    let station: Station
    let service: MeteredService

    /// What a handler knows of a flow.
    struct Facts {
        var user: String?
        var transport: TransportProtocol
        var client: Endpoint
        var destination: Endpoint
        var host: String?
        var route: [String] = []
        var listener: Endpoint
        var upstreamLocal: Endpoint
        var upstreamRemote: Endpoint
    }

    /// Opens a flow's meter; nil when no memory is left for it.
    func open(_ facts: Facts) -> FlowMeter? {
        let driver = station.loop.driver
        let now = driver.wallMilliseconds()
        let session = facts.user.flatMap { user in
            station.sessions.begin(user: user, nowMilliseconds: now) { driver.randomWord() }
        }
        let flow = FlowInfo(
            id: FlowID(high: driver.randomWord(), low: driver.randomWord()), boot: station.boot,
            origin: service.info, user: facts.user, session: session, node: station.node,
            transport: facts.transport, client: facts.client, destination: facts.destination,
            host: facts.host, route: facts.route, listener: facts.listener,
            upstreamLocal: facts.upstreamLocal,
            upstreamRemote: facts.upstreamRemote, openedMilliseconds: now)
        let meter = station.ledger.open(flow, service: service)
        if meter == nil { ended(flow) }
        return meter
    }

    /// A flow is over: its user's session may end soon.
    func ended(_ flow: FlowInfo) {
        guard let user = flow.user, flow.session != nil else { return }
        station.sessions.end(
            user: user, nowMilliseconds: station.loop.driver.wallMilliseconds())
    }
}

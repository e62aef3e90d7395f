package import LinuxIO
import Loop
package import Model
package import Relay
import Routing

/// Opens a service that forwards datagrams to fixed targets.
package enum DatagramService {
    /// A forwarder for the service of a desk, on its loop.
    package static func make(
        _ desk: ServiceDesk, at endpoint: Endpoint, isShared: Bool
    ) throws(Errno) -> DatagramForwarder {
        try DatagramForwarder(
            desk.station.datagrams, policy: AssociationPolicy(desk: desk, user: nil, isDoor: true),
            at: endpoint, isShared: isShared,
            idleNanoseconds: desk.settings.datagramIdleNanoseconds, nextTarget: nextTarget(desk))
    }

    /// Has a forwarder serve its next sessions as another desk says.
    package static func change(_ forwarder: DatagramForwarder, to desk: ServiceDesk) {
        forwarder.change(
            policy: AssociationPolicy(desk: desk, user: nil, isDoor: true),
            idleNanoseconds: desk.settings.datagramIdleNanoseconds, nextTarget: nextTarget(desk))
    }

    private static func nextTarget(_ desk: ServiceDesk) -> (Endpoint) -> Destination {
        guard case .forward(let targets) = desk.settings.handler else {
            preconditionFailure("only a forwarder takes datagrams by itself")
        }
        let driver = desk.station.loop.driver
        return { client in
            let order = targets.order(
                client: client, transport: .udp, nowMilliseconds: driver.wallMilliseconds(),
                random: driver.randomWord())
            return targets.targets[order[0]]
        }
    }
}

package import Limiting
import LinuxIO
package import Loop
package import Metering
package import Model

/// What all datagram relays of a loop share: buffers and batches, reused for every receive.
///
/// ## Concurrency
/// Confined to its loop.
package final class DatagramContext {
    /// The loop that all of it belongs to.
    package let loop: EventLoop
    let ledger: Ledger
    let inbox = DatagramInbox()
    let uplink: DatagramBatch
    let downlink: DatagramBatch
    let frameBuffers = FrameBuffers()

    /// Buffers for a loop.
    package init(loop: EventLoop, ledger: Ledger) {
        self.loop = loop
        self.ledger = ledger
        uplink = DatagramBatch(driver: loop.driver, direction: .uplink)
        downlink = DatagramBatch(driver: loop.driver, direction: .downlink)
    }

    /// Receives into the inbox: how many messages there are. `isReadable` becomes false when there
    /// are no more for now. An error that a socket reports, such as an earlier send's, stands in
    /// front of the messages, so it is passed over a few times; one that stays is left alone until
    /// the next datagram comes.
    func receive(_ socket: Descriptor, _ isReadable: inout Bool) -> Int {
        for _ in 0..<Limits.transfersPerTurn {
            switch loop.driver.receiveDatagrams(socket, into: inbox) {
            case .bytes(let count):
                if count < inbox.capacity { isReadable = false }
                return count
            case .wouldBlock:
                isReadable = false
                return 0
            case .failed:
                continue
            }
        }
        isReadable = false
        return 0
    }
}

/// Decides about new datagram flows and keeps their records: the handler in front of a relay.
package protocol DatagramPolicy: AnyObject {
    /// Where datagrams to `destination` go. `later` is called on the loop when it could not be
    /// said at once, with nil when they go nowhere.
    func route(
        _ destination: Destination, client: Endpoint, later: @escaping (Endpoint?) -> Void
    ) -> DatagramRoute
    /// Whether each client's datagrams to a target go a way of their own, through nodes: then
    /// `reach` is asked, and not `route`.
    var opensWays: Bool { get }
    /// Opens a way for one client's datagrams to one target. `later` is called on the loop, after
    /// this returned, with nil when there is none; it may come too late for who asked, and then
    /// the way is to be closed.
    func reach(
        _ destination: Destination, client: Endpoint, later: @escaping (DatagramWay?) -> Void)
    /// Opens a socket towards one target, for a client that sent to `ingress`; nil when there is
    /// none.
    func leave(
        to destination: Endpoint, client: Endpoint, ingress: IPAddress, _ context: DatagramContext
    ) -> FarSide?
    /// Opens a flow's meter; nil when no slot is left.
    func open(
        client: Endpoint, destination: Endpoint, host: String?, listener: Endpoint, far: FarSide
    ) -> FlowMeter?
    /// A client comes.
    func admit(client: Endpoint) -> DatagramAdmission
    /// A flow is over; its meter is closed already.
    func ended(_ flow: FlowInfo, _ counts: FlowCounts, _ end: FlowEnd)
}

extension DatagramPolicy {
    /// As the kernel has it.
    package func leave(
        to destination: Endpoint, client: Endpoint, ingress: IPAddress, _ context: DatagramContext
    ) -> FarSide? {
        try? FarSide.direct(context, to: destination)
    }

    /// No nodes.
    package var opensWays: Bool { false }

    package func reach(
        _ destination: Destination, client: Endpoint, later: @escaping (DatagramWay?) -> Void
    ) {
        preconditionFailure("a policy that opens ways says how")
    }
}

/// A way for one client's datagrams to one target.
package struct DatagramWay {
    /// What they leave by.
    package let far: FarSide
    /// The target's address; a stand-in where a node looks up its name.
    package let endpoint: Endpoint
    /// The target as a node is told it.
    package let destination: Destination

    package init(far: FarSide, endpoint: Endpoint, destination: Destination) {
        self.far = far
        self.endpoint = endpoint
        self.destination = destination
    }
}

/// Whether a client's datagrams are taken.
package enum DatagramAdmission {
    /// They are, within limits for all its flows together; nil where there are none. The relay
    /// closes them.
    case admitted(FlowLimits?)
    /// They are not.
    case refused
}

/// Where datagrams to a destination go.
package enum DatagramRoute: Equatable, Sendable {
    /// To this endpoint.
    case to(Endpoint)
    /// Nowhere: refused.
    case refused
    /// Not known yet; the answer comes later.
    case pending
}

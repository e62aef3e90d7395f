import Limiting
import LinuxIO
import Loop
import Metering
import Model

/// One client of a datagram forwarder: its way to the target and its flow.
///
/// ## Concurrency
/// Confined to its loop; its forwarder keeps it alive.
final class ForwardSession: FlowOwner, SideOwner {
    let client: Endpoint
    private(set) var lastMoveNanoseconds: UInt64
    /// Datagrams of the client that were dropped before there was a flow to count them.
    private(set) var strayPackets: UInt64 = 0
    private let context: DatagramContext
    private let policy: any DatagramPolicy
    private let local: IPAddress
    private let listener: Endpoint
    private let replySocket: Descriptor
    private let onCut: (ForwardSession, FlowEnd) -> Void
    private let destination: Destination
    private var far: (any AssociationSide)?
    private var flow: DatagramFlow?
    private var limits: FlowLimits?
    private var waiting: [[UInt8]] = []
    private var state = State.asking

    private enum State {
        /// The target's address is not known yet, or the way to it.
        case asking
        /// Datagrams move.
        case open
        /// The target is refused or gone; datagrams are dropped until the session is idle.
        case refused
        /// No way could be opened; after this moment the next datagram tries again.
        case resting(untilNanoseconds: UInt64)
        /// Over.
        case ended
    }

    init(
        _ context: DatagramContext, policy: any DatagramPolicy, client: Endpoint, local: IPAddress,
        listener: Endpoint, replySocket: Descriptor, destination: Destination,
        onCut: @escaping (ForwardSession, FlowEnd) -> Void
    ) {
        self.context = context
        self.policy = policy
        self.client = client
        self.local = local
        self.listener = listener
        self.replySocket = replySocket
        self.destination = destination
        self.onCut = onCut
        lastMoveNanoseconds = context.loop.nowNanoseconds
    }

    /// Asks where the target is, and for a way through nodes where the service has them.
    func begin() {
        state = .asking
        if policy.opensWays {
            return policy.reach(destination, client: client) { [weak self] way in
                guard let self else { return way?.far.close() ?? () }
                reached(way)
            }
        }
        let route = policy.route(destination, client: client) { [weak self] endpoint in
            self?.answered(endpoint)
        }
        switch route {
        case .to(let endpoint): answered(endpoint)
        case .refused: answered(nil)
        case .pending: break
        }
    }

    private func answered(_ endpoint: Endpoint?) {
        guard case .asking = state else { return }
        // Out of descriptors: this client's datagrams are dropped until its session ends.
        guard let endpoint,
            let far = policy.leave(to: endpoint, client: client, ingress: local, context),
            open(
                DatagramWay(far: far, endpoint: endpoint, destination: Destination(endpoint)))
        else {
            state = .refused
            return dropWaiting()
        }
        sendWaiting()
    }

    private func reached(_ way: DatagramWay?) {
        guard case .asking = state else { return way?.far.close() ?? () }
        guard let way, open(way) else {
            state = .resting(
                untilNanoseconds: context.loop.nowNanoseconds
                    + UInt64(Limits.wayRestMilliseconds) * 1_000_000)
            return dropWaiting()
        }
        sendWaiting()
    }

    private func dropWaiting() {
        strayPackets &+= UInt64(waiting.count)
        waiting.removeAll()
    }

    private func sendWaiting() {
        let payloads = waiting
        waiting.removeAll()
        for payload in payloads {
            guard let flow, let far else { return }
            payload.withUnsafeBytes { far.add($0, flow: flow) }
            far.flush()
        }
    }

    /// Begins to relay; false when that cannot be, and then the way is closed.
    private func open(_ way: DatagramWay) -> Bool {
        let side = way.far.side
        guard case .admitted(let limits) = policy.admit(client: client) else {
            side.close()
            return false
        }
        self.limits = limits
        limits?.flow = self
        do throws(Errno) {
            try side.start(for: self)
        } catch {
            side.close()
            limits?.close()
            return false
        }
        let isName = FarName.stands(for: way.endpoint.address)
        guard
            let meter = policy.open(
                client: client,
                destination: isName ? Endpoint(.anyV4, way.endpoint.port) : way.endpoint,
                host: destination.name, listener: listener, far: way.far)
        else {
            side.close()
            limits?.close()
            return false
        }
        meter.owner = self
        flow = DatagramFlow(
            client: client, destination: way.endpoint, meter: meter, header: [],
            localAddress: local, nowNanoseconds: context.loop.nowNanoseconds, limits: limits,
            target: side.node,
            uplinkHeader: side.isTunnel ? SOCKSAssociation.header(way.destination) : [])
        far = side
        state = .open
        return true
    }

    /// Ends the flow and closes the way.
    func end(_ end: FlowEnd) {
        state = .ended
        waiting.removeAll()
        if let flow {
            far?.forget(flow)
            let (info, counts) = (flow.meter.flow, flow.meter.counts)
            context.ledger.close(flow.meter, end)
            policy.ended(info, counts, end)
        }
        flow = nil
        limits?.close()
        far?.close()
        far = nil
    }

    func cut(_ meter: FlowMeter, _ end: FlowEnd) { stop(end) }

    /// Has the forwarder end this session.
    func stop(_ end: FlowEnd) { onCut(self, end) }

    // MARK: Client to target

    /// Takes a received message; it is sent with the next `flushUplink`.
    func takeFromClient(_ message: DatagramInbox.Message, at start: UnsafeMutableRawPointer) {
        switch state {
        case .asking, .open, .ended:
            lastMoveNanoseconds = context.loop.nowNanoseconds
        case .refused:
            // A refused client that goes on sending is asked about again after the idle time.
            break
        case .resting(let moment):
            if context.loop.nowNanoseconds >= moment { begin() }
        }
        forEachDatagram(message, at: start) { datagram in
            if let flow, let far {
                far.add(datagram, flow: flow)
            } else if case .asking = state, waiting.count < Limits.datagramsAwaitingName {
                waiting.append(Array(datagram))
            } else {
                strayPackets &+= 1
            }
        }
    }

    /// Sends what was collected for this client.
    func flushUplink() { far?.flush() }

    func takeFromClient(_ datagram: Arrived, to destination: Destination) { countStray() }

    // MARK: Target to client

    func takeFromFar(_ payload: UnsafeRawBufferPointer, source: Endpoint) {
        guard let flow, flow.answers(from: source) else { return }
        lastMoveNanoseconds = context.loop.nowNanoseconds
        context.downlink.add(payload, flow: flow)
    }

    func takeFromFar(_ payload: UnsafeRawBufferPointer, named source: Destination) {
        guard let flow, FarName.stands(for: flow.destination.address),
            source.port == flow.destination.port
        else { return }
        lastMoveNanoseconds = context.loop.nowNanoseconds
        context.downlink.add(payload, flow: flow)
    }

    func flushAway(from side: any AssociationSide) {
        context.downlink.send(on: replySocket, nowNanoseconds: context.loop.nowNanoseconds)
    }

    func countStray() {}

    /// The way has come to its end; the client's next datagram opens another.
    func sideEnded(_ end: FlowEnd) { stop(end) }
}

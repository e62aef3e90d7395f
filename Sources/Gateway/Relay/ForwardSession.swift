import Limiting
import LinuxIO
import Loop
import Metering
import Model

/// One client of a datagram forwarder: its socket towards the target and its flow.
///
/// ## Concurrency
/// Confined to its loop; its forwarder keeps it alive.
final class ForwardSession: ReadinessHandler, Resumable, FlowOwner {
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
    private var socket = Descriptor.none
    private var registration = Registration.none
    private var flow: DatagramFlow?
    private var limits: FlowLimits?
    private var waiting: [[UInt8]] = []
    private var state = State.asking
    private var isReadable = true
    private var isQueued = false

    private enum State {
        /// The target's address is not known yet.
        case asking
        /// Datagrams move.
        case open
        /// The target is refused or gone; datagrams are dropped until the session is idle.
        case refused
        /// Over.
        case ended
    }

    init(
        _ context: DatagramContext, policy: any DatagramPolicy, client: Endpoint, local: IPAddress,
        listener: Endpoint, replySocket: Descriptor,
        onCut: @escaping (ForwardSession, FlowEnd) -> Void
    ) {
        self.context = context
        self.policy = policy
        self.client = client
        self.local = local
        self.listener = listener
        self.replySocket = replySocket
        self.onCut = onCut
        lastMoveNanoseconds = context.loop.nowNanoseconds
    }

    /// Asks where the target is.
    func begin(to destination: Destination) {
        let route = policy.route(destination, client: client) { [weak self] endpoint in
            self?.answered(destination, endpoint)
        }
        switch route {
        case .to(let endpoint): answered(destination, endpoint)
        case .refused: answered(destination, nil)
        case .pending: break
        }
    }

    private func answered(_ destination: Destination, _ endpoint: Endpoint?) {
        guard state == .asking else { return }
        guard let endpoint, open(endpoint, destination) else {
            state = .refused
            strayPackets &+= UInt64(waiting.count)
            waiting.removeAll()
            return
        }
        state = .open
        guard let flow else { return }
        for payload in waiting {
            payload.withUnsafeBytes { bytes in
                context.uplink.add(bytes, flow: flow)
                flushUplink()
            }
        }
        waiting.removeAll()
    }

    private func open(_ endpoint: Endpoint, _ destination: Destination) -> Bool {
        let driver = context.loop.driver
        let unspecified: IPAddress = endpoint.address.isV4 ? .anyV4 : .anyV6
        guard case .admitted(let limits) = policy.admit(client: client) else { return false }
        self.limits = limits
        limits?.flow = self
        do throws(Errno) {
            socket = try driver.bindDatagrams(
                at: Endpoint(unspecified, 0), options: DatagramOptions())
            let upstreamLocal = try driver.localEndpoint(socket)
            registration = try context.loop.register(socket, self, tag: 0)
            guard
                let meter = policy.open(
                    client: client, destination: endpoint, host: destination.name,
                    listener: listener, upstreamLocal: upstreamLocal)
            else { return false }
            meter.owner = self
            flow = DatagramFlow(
                client: client, destination: endpoint, meter: meter, header: [],
                localAddress: local, nowNanoseconds: context.loop.nowNanoseconds, limits: limits)
            return true
        } catch {
            // Out of descriptors: this client's datagrams are dropped until its session ends.
            return false
        }
    }

    /// Ends the flow and closes the socket.
    func end(_ end: FlowEnd) {
        state = .ended
        waiting.removeAll()
        if let flow {
            let (info, counts) = (flow.meter.flow, flow.meter.counts)
            context.ledger.close(flow.meter, end)
            policy.ended(info, counts, end)
        }
        flow = nil
        limits?.close()
        if socket.isOpen { context.loop.close(socket, registration) }
        socket = .none
    }

    func cut(_ meter: FlowMeter, _ end: FlowEnd) { stop(end) }

    /// Has the forwarder end this session.
    func stop(_ end: FlowEnd) { onCut(self, end) }

    // MARK: Client to target

    /// Takes a received message; it is sent with the next `flushUplink`.
    func takeFromClient(_ message: DatagramInbox.Message, at start: UnsafeMutableRawPointer) {
        // A refused client that goes on sending is asked about again after the idle time.
        if state != .refused { lastMoveNanoseconds = context.loop.nowNanoseconds }
        forEachDatagram(message, at: start) { datagram in
            if let flow {
                context.uplink.add(datagram, flow: flow)
            } else if state == .asking, waiting.count < Limits.datagramsAwaitingName {
                waiting.append(Array(datagram))
            } else {
                strayPackets &+= 1
            }
        }
    }

    /// Sends what was collected for this client.
    func flushUplink() {
        if socket.isOpen {
            context.uplink.send(on: socket, nowNanoseconds: context.loop.nowNanoseconds)
        }
    }

    // MARK: Target to client

    func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        if readiness.isDisjoint(with: [.readable, .failed]) { return }
        isReadable = true
        pump()
    }

    func resume() {
        isQueued = false
        pump()
    }

    private func pump() {
        for _ in 0..<Limits.transfersPerTurn {
            guard isReadable, state == .open else { return }
            receive()
        }
        if isReadable, !isQueued {
            isQueued = true
            context.loop.resumeLater(self)
        }
    }

    private func receive() {
        guard let flow else { return }
        let count = context.receive(socket, &isReadable)
        for index in 0..<count {
            let message = context.inbox.messages[index]
            guard message.source == flow.destination, !message.isTruncated else { continue }
            lastMoveNanoseconds = context.loop.nowNanoseconds
            forEachDatagram(message, at: context.inbox.bytes(index)) { datagram in
                context.downlink.add(datagram, flow: flow)
            }
        }
        context.downlink.send(
            on: replySocket, nowNanoseconds: context.loop.nowNanoseconds)
    }
}

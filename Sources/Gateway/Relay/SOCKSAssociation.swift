import Bytes
import Codecs
import Limiting
package import LinuxIO
package import Loop
package import Metering
package import Model

/// A SOCKS5 UDP association: what a client talks through, and what its datagrams go out of.
///
/// The client's side is a socket (UDP ASSOCIATE) or a stream of frames (gost's UDP over TCP).
/// Datagrams with a fragment number, malformed ones and ones from other addresses than the
/// client's are dropped. A destination that cannot be reached costs its datagrams and nothing
/// else. Replies are taken from endpoints that the client has sent to; other senders are dropped
/// and not billed.
///
/// ## Concurrency
/// Confined to its loop. The handler keeps it alive; `end` must be called before it is dropped.
package final class SOCKSAssociation: TimerHandler, FlowOwner, SideOwner {
    private let context: DatagramContext
    private let policy: any DatagramPolicy
    private let idleNanoseconds: UInt64
    private let client: Endpoint
    let inside: any AssociationSide
    private let far: FarSide
    var outside: any AssociationSide { far.side }
    private var limits: FlowLimits?
    var flows = FlowMap()
    private var names: [Destination: Route] = [:]
    /// Senders that nobody asked for by address, and the stand-in of the name that they answer for.
    var answering: [Endpoint: Endpoint] = [:]
    private var waitingDatagrams = 0
    private var timer = TimerToken.none
    private var ended: FlowEnd?
    private var onEnd: ((FlowEnd) -> Void)?
    /// Datagrams dropped because they belong to no flow: malformed, foreign, refused.
    package private(set) var strayPackets: UInt64 = 0

    private enum Route {
        case to(Endpoint)
        case refused
        case pending([Waiting])
    }

    /// A datagram whose destination's name is being resolved.
    private struct Waiting {
        let client: Endpoint
        let local: IPAddress
        let headerBytes: Int
        let payload: [UInt8]

        init(_ datagram: Arrived) {
            client = datagram.client
            local = datagram.local
            headerBytes = datagram.headerBytes
            payload = Array(datagram.payload)
        }
    }

    /// Where the client sends its datagrams.
    package var listener: Endpoint { inside.local }
    private var isOver: Bool { ended != nil }

    private init(
        _ context: DatagramContext, policy: any DatagramPolicy, client: Endpoint,
        inside: any AssociationSide, far: FarSide, idleNanoseconds: UInt64
    ) {
        self.client = client
        self.context = context
        self.policy = policy
        self.inside = inside
        self.far = far
        self.idleNanoseconds = idleNanoseconds
    }

    /// An association whose client sends datagrams to a socket. The port 0 in `client` accepts any
    /// port of its address. After a throw `far` is the caller's still.
    package convenience init(
        _ context: DatagramContext, policy: any DatagramPolicy, client: Endpoint,
        at endpoint: Endpoint, idleNanoseconds: UInt64, far: FarSide
    ) throws(Errno) {
        let inside = try SocketSide(context, .client(client), at: endpoint)
        self.init(
            context, policy: policy, client: client, inside: inside, far: far,
            idleNanoseconds: idleNanoseconds)
    }

    /// An association whose client frames datagrams on its stream; `early` was received of it
    /// already.
    package convenience init(
        _ context: DatagramContext, policy: any DatagramPolicy, client: Endpoint,
        listener: Endpoint, idleNanoseconds: UInt64, far: FarSide,
        stream: StreamSocket.Detached, early: [UInt8]
    ) {
        self.init(
            context, policy: policy, client: client,
            inside: FrameStream(
                context, client: client, local: listener, stream: stream, early: early),
            far: far, idleNanoseconds: idleNanoseconds)
    }

    /// Begins to relay. A throw has closed the sockets.
    package func start() throws(Errno) {
        do throws(Errno) {
            try inside.start(for: self)
            try outside.start(for: self)
        } catch {
            end(FlowEnd(by: .gateway, phase: .handshake, cause: .failed))
            throw error
        }
        if case .admitted(let admitted) = policy.admit(client: client) {
            limits = admitted
            limits?.flow = self
        }
        armSweep()
    }

    /// Calls `body` once when it is over, or now if it is.
    package func whenEnded(_ body: @escaping (FlowEnd) -> Void) {
        precondition(onEnd == nil, "two wait for an association's end")
        if let ended { body(ended) } else { onEnd = body }
    }

    /// Waits until it is over; how it ended.
    package func untilEnd() async -> FlowEnd {
        await withUnsafeContinuation { continuation in
            whenEnded { continuation.resume(returning: $0) }
        }
    }

    /// Ends every flow and closes the sockets. Once.
    package func end(_ end: FlowEnd) {
        if isOver { return }
        ended = end
        context.loop.cancel(timer)
        // What was collected is sent while its flows can count it.
        outside.flush()
        inside.flush()
        endFlows(end)
        limits?.close()
        inside.close()
        outside.close()
        onEnd?(end)
        onEnd = nil
    }

    func sideEnded(_ end: FlowEnd) { self.end(end) }

    package func cut(_ meter: FlowMeter, _ end: FlowEnd) {
        // The record's destination may be a name: the flow is known by its meter.
        if let flow = flows.all.first(where: { $0.meter === meter }) {
            close(flow.destination, end)
        }
    }

    func endFlows(_ end: FlowEnd) { for key in flows.keys { close(key, end) } }

    private func close(_ key: Endpoint, _ end: FlowEnd) {
        guard let flow = flows.remove(key) else { return }
        forgetSenders(of: key)
        outside.forget(flow)
        inside.forget(flow)
        let (info, counts) = (flow.meter.flow, flow.meter.counts)
        context.ledger.close(flow.meter, end)
        policy.ended(info, counts, end)
    }

    package func timerFired(tag: UInt8) {
        let now = context.loop.nowNanoseconds
        let idle = FlowEnd(by: .gateway, phase: .relay, cause: .idle)
        if now > idleNanoseconds {
            for key in flows.quiet(since: now - idleNanoseconds) { close(key, idle) }
        }
        forgetUnusedRoutes()
        armSweep()
    }

    private func armSweep() {
        timer = context.loop.arm(afterNanoseconds: max(idleNanoseconds / 4, 1_000_000), self)
    }

    // MARK: What sides receive

    func countStray() { strayPackets &+= 1 }

    func flushAway(from side: any AssociationSide) {
        if side === inside { outside.flush() } else { inside.flush() }
    }

    func takeFromClient(_ datagram: Arrived, to destination: Destination) {
        guard !isOver, let flow = flow(to: destination, datagram) else { return }
        flow.meter.countOverhead(uplinkBytes: UInt64(datagram.headerBytes), downlinkBytes: 0)
        outside.add(datagram.payload, flow: flow)
    }

    /// The flow for a destination, opened if need be; nil when the datagram waits or is dropped.
    private func flow(to destination: Destination, _ datagram: Arrived) -> DatagramFlow? {
        if case .address(let address) = destination.host {
            // Nobody is at such an address.
            if FarName.stands(for: address) {
                strayPackets &+= 1
                return nil
            }
            if let flow = known(Endpoint(address, destination.port), datagram.client) {
                return flow
            }
        }
        switch names[destination] {
        case .to(let endpoint):
            return known(endpoint, datagram.client)
                ?? open(
                    endpoint, destination, client: datagram.client, local: datagram.local)
        case .refused:
            strayPackets &+= 1
            return nil
        case .pending(var waiting):
            keep(datagram, destination, &waiting)
            return nil
        case nil:
            return ask(destination, datagram)
        }
    }

    /// The open flow to a name, as the client wrote it.
    func flow(toName name: Destination) -> DatagramFlow? {
        guard case .to(let endpoint) = names[name] else { return nil }
        return flows.find(endpoint)
    }

    /// An open flow; replies go to the port that the client used last.
    private func known(_ endpoint: Endpoint, _ client: Endpoint) -> DatagramFlow? {
        guard let flow = flows.find(endpoint) else { return nil }
        if flow.client == client { return flow }
        close(endpoint, FlowEnd(by: .client, phase: .relay, cause: .finished))
        return nil
    }

    private func ask(_ destination: Destination, _ datagram: Arrived) -> DatagramFlow? {
        if names.count >= Limits.flowsPerAssociation { forgetRoutes() }
        // What cannot wait is not asked for: the loop's resolver is everybody's.
        let mayWait = destination.name == nil || waitingDatagrams < Limits.datagramsAwaitingName
        guard mayWait, names.count < Limits.flowsPerAssociation else {
            strayPackets &+= 1
            return nil
        }
        let route = policy.route(destination, client: datagram.client) { [weak self] endpoint in
            self?.answered(destination, endpoint)
        }
        switch route {
        case .to(let endpoint):
            // Only a name may lead to where a flow goes already.
            if destination.name != nil { names[destination] = .to(endpoint) }
            return known(endpoint, datagram.client)
                ?? open(
                    endpoint, destination, client: datagram.client, local: datagram.local)
        case .refused:
            names[destination] = .refused
            strayPackets &+= 1
            return nil
        case .pending:
            var waiting: [Waiting] = []
            keep(datagram, destination, &waiting)
            return nil
        }
    }

    private func keep(
        _ datagram: Arrived, _ destination: Destination, _ waiting: inout [Waiting]
    ) {
        if waitingDatagrams < Limits.datagramsAwaitingName {
            waitingDatagrams += 1
            waiting.append(Waiting(datagram))
        } else {
            strayPackets &+= 1
        }
        names[destination] = .pending(waiting)
    }

    private func answered(_ destination: Destination, _ endpoint: Endpoint?) {
        guard !isOver, case .pending(let waiting) = names[destination] else { return }
        waitingDatagrams -= waiting.count
        guard let endpoint else {
            names[destination] = .refused
            strayPackets &+= UInt64(waiting.count)
            return
        }
        names[destination] = .to(endpoint)
        for datagram in waiting {
            guard
                let flow = known(endpoint, datagram.client)
                    ?? open(
                        endpoint, destination, client: datagram.client, local: datagram.local)
            else { continue }
            flow.meter.countOverhead(
                uplinkBytes: UInt64(datagram.headerBytes), downlinkBytes: 0)
            datagram.payload.withUnsafeBytes { payload in
                outside.add(payload, flow: flow)
                outside.flush()
            }
        }
    }

    /// Makes room for other destinations: answers are asked again.
    private func forgetRoutes() {
        names = names.filter { if case .pending = $0.value { true } else { false } }
    }

    /// Answers are asked again after a while, so that a refusal or a name is not kept for ever;
    /// not while a flow uses them, which would else wander between a name's addresses.
    private func forgetUnusedRoutes() {
        if names.isEmpty { return }
        let used = Set(flows.keys)
        names = names.filter { _, route in
            switch route {
            case .pending: true
            case .to(let endpoint): used.contains(endpoint)
            case .refused: false
            }
        }
    }

    private func open(
        _ endpoint: Endpoint, _ destination: Destination, client: Endpoint, local: IPAddress
    ) -> DatagramFlow? {
        if flows.count >= Limits.flowsPerAssociation, let quietest = flows.quietest {
            close(quietest.key, FlowEnd(by: .gateway, phase: .relay, cause: .evicted))
        }
        let isName = FarName.stands(for: endpoint.address)
        guard
            let meter = policy.open(
                client: client, destination: isName ? Endpoint(.anyV4, endpoint.port) : endpoint,
                host: destination.name, listener: listener, far: far)
        else {
            strayPackets &+= 1
            return nil
        }
        meter.owner = self
        let target = isName ? destination : Destination(endpoint)
        let flow = DatagramFlow(
            client: client, destination: endpoint, meter: meter,
            header: isName ? [] : Self.header(target), localAddress: local,
            nowNanoseconds: context.loop.nowNanoseconds, limits: limits, target: outside.node,
            uplinkHeader: outside.isTunnel ? Self.header(target) : [])
        flows.insert(flow, at: endpoint)
        return flow
    }
}

import Bytes
import Codecs
import Limiting
package import LinuxIO
import Loop
package import Metering
package import Model

/// A SOCKS5 UDP association: one socket towards the client, one towards everybody it talks to.
///
/// Datagrams with a fragment number, malformed ones and ones from other addresses than the
/// client's are dropped. A destination that cannot be reached costs its datagrams and nothing
/// else. Replies are taken from endpoints that the client has sent to; other senders are dropped
/// and not billed.
///
/// ## Concurrency
/// Confined to its loop. The handler keeps it alive; `end` must be called before it is dropped.
package final class SOCKSAssociation: ReadinessHandler, TimerHandler, Resumable, FlowOwner {
    private let context: DatagramContext
    private let policy: any DatagramPolicy
    private let clientAddress: IPAddress
    private let clientPort: UInt16
    private let idleNanoseconds: UInt64
    private var inside: Socket
    private var outside: Socket
    /// Where the client sends its datagrams.
    package let listener: Endpoint
    private let upstreamLocal: Endpoint
    private var limits: FlowLimits?
    private var flows = FlowMap()
    private var names: [Destination: Route] = [:]
    private var waitingDatagrams = 0
    private var timer = TimerToken.none
    private var isQueued = false
    private var isOver = false
    /// Datagrams dropped because they belong to no flow: malformed, foreign, refused.
    package private(set) var strayPackets: UInt64 = 0

    private struct Socket {
        let descriptor: Descriptor
        var registration = Registration.none
        var isReadable = true
    }

    private enum Route {
        case to(Endpoint)
        case refused
        case pending([Waiting])
    }

    /// A datagram of the client as it lies in the inbox.
    private struct Arrived {
        let client: Endpoint
        let local: IPAddress
        let headerBytes: Int
        let payload: UnsafeRawBufferPointer
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

    private enum Tag {
        static let inside: UInt8 = 0
        static let outside: UInt8 = 1
    }

    /// Opens an association's sockets. `clientPort` 0 accepts any port of the client's address.
    package init(
        _ context: DatagramContext, policy: any DatagramPolicy, client: Endpoint,
        at endpoint: Endpoint,
        idleNanoseconds: UInt64
    ) throws(Errno) {
        self.context = context
        self.policy = policy
        clientAddress = client.address
        clientPort = client.port
        self.idleNanoseconds = idleNanoseconds
        let driver = context.loop.driver
        let inner = try driver.bindDatagrams(at: endpoint, options: DatagramOptions())
        do throws(Errno) {
            listener = try driver.localEndpoint(inner)
            let outer = try driver.bindDatagrams(
                at: Endpoint(.anyV6, 0), options: DatagramOptions())
            do throws(Errno) {
                upstreamLocal = try driver.localEndpoint(outer)
            } catch {
                driver.close(outer)
                throw error
            }
            inside = Socket(descriptor: inner)
            outside = Socket(descriptor: outer)
        } catch {
            driver.close(inner)
            throw error
        }
    }

    /// Begins to relay. A throw has closed the sockets.
    package func start() throws(Errno) {
        do throws(Errno) {
            inside.registration = try context.loop.register(
                inside.descriptor, self, tag: Tag.inside)
            outside.registration = try context.loop.register(
                outside.descriptor, self, tag: Tag.outside)
        } catch {
            end(FlowEnd(by: .gateway, phase: .handshake, cause: .failed))
            throw error
        }
        if case .admitted(let admitted) = policy.admit(
            client: Endpoint(clientAddress, clientPort))
        {
            limits = admitted
        }
        armSweep()
    }

    /// Ends every flow and closes the sockets. Once.
    package func end(_ end: FlowEnd) {
        guard !isOver else { return }
        isOver = true
        context.loop.cancel(timer)
        for key in flows.keys { close(key, end) }
        limits?.close()
        context.loop.close(inside.descriptor, inside.registration)
        context.loop.close(outside.descriptor, outside.registration)
    }

    package func cut(_ meter: FlowMeter, _ end: FlowEnd) {
        close(meter.flow.destination, end)
    }

    private func close(_ key: Endpoint, _ end: FlowEnd) {
        guard let flow = flows.remove(key) else { return }
        let (info, counts) = (flow.meter.flow, flow.meter.counts)
        context.ledger.close(flow.meter, end)
        policy.ended(info, counts, end)
    }

    // MARK: Events

    package func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        if readiness.isDisjoint(with: [.readable, .failed]) { return }
        if tag == Tag.inside { inside.isReadable = true } else { outside.isReadable = true }
        pump()
    }

    package func resume() {
        isQueued = false
        if !isOver { pump() }
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

    private func pump() {
        for _ in 0..<Limits.transfersPerTurn {
            if inside.isReadable { receiveInside() }
            if isOver { return }
            if outside.isReadable { receiveOutside() }
            if isOver || !(inside.isReadable || outside.isReadable) { return }
        }
        if !isQueued {
            isQueued = true
            context.loop.resumeLater(self)
        }
    }

    // MARK: Client to destination

    private func receiveInside() {
        let count = context.receive(inside.descriptor, &inside.isReadable)
        for index in 0..<count {
            let message = context.inbox.messages[index]
            guard message.source.address == clientAddress,
                clientPort == 0 || message.source.port == clientPort, !message.isTruncated
            else {
                strayPackets &+= 1
                continue
            }
            forEachDatagram(message, at: context.inbox.bytes(index)) { datagram in
                takeFromClient(datagram, client: message.source, local: message.local)
            }
        }
        sendUplink()
    }

    /// Sends what was collected; before a flow ends, so that its last datagrams are counted.
    private func sendUplink() {
        context.uplink.send(on: outside.descriptor, nowNanoseconds: context.loop.nowNanoseconds)
    }

    private func takeFromClient(
        _ datagram: UnsafeRawBufferPointer, client: Endpoint, local: IPAddress
    ) {
        guard case .value(let header, let headerBytes) = SOCKS5.UDPHeader.decode(datagram.bytes),
            header.fragment == 0
        else {
            strayPackets &+= 1
            return
        }
        let payload = UnsafeRawBufferPointer(rebasing: datagram[headerBytes...])
        let arrived = Arrived(
            client: client, local: local, headerBytes: headerBytes, payload: payload)
        guard let flow = flow(to: header.destination, arrived) else { return }
        flow.meter.countOverhead(uplinkBytes: UInt64(headerBytes), downlinkBytes: 0)
        context.uplink.add(payload, flow: flow)
    }

    /// The flow for a destination, opened if need be; nil when the datagram waits or is dropped.
    private func flow(to destination: Destination, _ datagram: Arrived) -> DatagramFlow? {
        if case .address(let address) = destination.host,
            let flow = known(Endpoint(address, destination.port), datagram.client)
        {
            return flow
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

    /// An open flow; replies go to the port that the client used last.
    private func known(_ endpoint: Endpoint, _ client: Endpoint) -> DatagramFlow? {
        guard let flow = flows.find(endpoint) else { return nil }
        if flow.client == client { return flow }
        sendUplink()
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
                context.uplink.add(payload, flow: flow)
                sendUplink()
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
            sendUplink()
            close(quietest.key, FlowEnd(by: .gateway, phase: .relay, cause: .evicted))
        }
        guard
            let meter = policy.open(
                client: client, destination: endpoint, host: destination.name, listener: listener,
                upstreamLocal: upstreamLocal)
        else {
            strayPackets &+= 1
            return nil
        }
        meter.owner = self
        var header = [UInt8](repeating: 0, count: SOCKS5.UDPHeader.byteCount(for: endpoint))
        header.withUnsafeMutableBytes { bytes in
            var writer = ByteWriter(bytes)
            SOCKS5.UDPHeader.encode(endpoint, into: &writer)
        }
        let flow = DatagramFlow(
            client: client, destination: endpoint, meter: meter, header: header,
            localAddress: local, nowNanoseconds: context.loop.nowNanoseconds, limits: limits)
        flows.insert(flow, at: endpoint)
        return flow
    }

    // MARK: Destination to client

    private func receiveOutside() {
        let count = context.receive(outside.descriptor, &outside.isReadable)
        for index in 0..<count {
            let message = context.inbox.messages[index]
            guard let flow = flows.find(message.source), !message.isTruncated else {
                strayPackets &+= 1
                continue
            }
            forEachDatagram(message, at: context.inbox.bytes(index)) { datagram in
                context.downlink.add(datagram, flow: flow)
            }
        }
        context.downlink.send(
            on: inside.descriptor, nowNanoseconds: context.loop.nowNanoseconds)
    }
}

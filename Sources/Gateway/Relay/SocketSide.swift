import Codecs
import LinuxIO
import Loop
import Model

/// A side of an association that is a socket for datagrams: one that the client sends to, or one
/// towards everybody.
///
/// ## Concurrency
/// Confined to its loop; its owner keeps it alive.
final class SocketSide: AssociationSide, ReadinessHandler, Resumable {
    /// Whom it talks with.
    enum Role {
        /// The client, from one address; port 0 accepts any.
        case client(Endpoint)
        /// Destinations, by their own addresses.
        case everybody
        /// A node that sends them on, with the destination in front of every datagram.
        case node(Endpoint)
    }

    let local: Endpoint
    private let context: DatagramContext
    private let role: Role
    private let batch: DatagramBatch
    private let descriptor: Descriptor
    private var registration = Registration.none
    private var isReadable = true
    private var isQueued = false
    private var isClosed = false
    /// The stream on which a node keeps the association.
    var control: NodeControl?
    // It closes its side before it goes.
    private unowned var owner: (any SideOwner)?

    /// Binds a socket.
    init(
        _ context: DatagramContext, _ role: Role, at endpoint: Endpoint,
        by egress: Egress = .anywhere
    ) throws(Errno) {
        self.context = context
        self.role = role
        if case .client = role { batch = context.downlink } else { batch = context.uplink }
        let driver = context.loop.driver
        descriptor = try driver.bindDatagrams(
            at: endpoint, options: DatagramOptions(egress: egress))
        do throws(Errno) {
            local = try driver.localEndpoint(descriptor)
        } catch {
            driver.close(descriptor)
            throw error
        }
    }

    func start(for owner: any SideOwner) throws(Errno) {
        self.owner = owner
        registration = try context.loop.register(descriptor, self, tag: 0)
        control?.start(for: owner)
    }

    var node: Endpoint? { if case .node(let relay) = role { relay } else { nil } }
    var isTunnel: Bool { node != nil }

    func close() {
        if isClosed { return }
        isClosed = true
        context.loop.close(descriptor, registration)
        control?.close()
    }

    // MARK: Sending

    func add(_ payload: UnsafeRawBufferPointer, flow: DatagramFlow) {
        batch.add(payload, flow: flow)
    }

    func flush() {
        if isClosed { return }
        batch.send(on: descriptor, nowNanoseconds: context.loop.nowNanoseconds)
    }

    /// Nothing is kept, but what was added and not flushed still counts.
    func forget(_ flow: DatagramFlow) { flush() }

    // MARK: Receiving

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
            guard isReadable, !isClosed else { return }
            receive()
        }
        if isReadable, !isClosed, !isQueued {
            isQueued = true
            context.loop.resumeLater(self)
        }
    }

    private func receive() {
        guard let owner else { return }
        let count = context.receive(descriptor, &isReadable)
        for index in 0..<count {
            let message = context.inbox.messages[index]
            guard isExpected(message.source), !message.isTruncated else {
                owner.countStray()
                continue
            }
            forEachDatagram(message, at: context.inbox.bytes(index)) { datagram in
                switch role {
                case .client: takeFromClient(datagram, message, owner)
                case .everybody: owner.takeFromFar(datagram, source: message.source)
                case .node: takeFromNode(datagram, owner)
                }
            }
        }
        owner.flushAway(from: self)
    }

    private func isExpected(_ source: Endpoint) -> Bool {
        switch role {
        case .client(let client):
            source.address == client.address && (client.port == 0 || client.port == source.port)
        case .everybody: true
        case .node(let relay): source == relay
        }
    }

    private func takeFromClient(
        _ datagram: UnsafeRawBufferPointer, _ message: DatagramInbox.Message,
        _ owner: any SideOwner
    ) {
        guard case .value(let header, let headerBytes) = SOCKS5.UDPHeader.decode(datagram.bytes),
            header.fragment == 0
        else { return owner.countStray() }
        owner.takeFromClient(
            Arrived(
                client: message.source, local: message.local, headerBytes: headerBytes,
                payload: UnsafeRawBufferPointer(rebasing: datagram[headerBytes...])),
            to: header.destination)
    }

    private func takeFromNode(
        _ datagram: UnsafeRawBufferPointer, _ owner: any SideOwner
    ) {
        guard case .value(let header, let headerBytes) = SOCKS5.UDPHeader.decode(datagram.bytes),
            header.fragment == 0
        else { return owner.countStray() }
        let payload = UnsafeRawBufferPointer(rebasing: datagram[headerBytes...])
        if case .address(let address) = header.destination.host {
            owner.takeFromFar(payload, source: Endpoint(address, header.destination.port))
        } else {
            owner.takeFromFar(payload, named: header.destination)
        }
    }
}

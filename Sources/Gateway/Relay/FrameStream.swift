import Codecs
import Limiting
import LinuxIO
import Loop
import Metering
import Model

/// A side of an association that is a stream of framed datagrams: gost's UDP over TCP.
///
/// A peer that reads slowly loses datagrams, counted; it holds up nobody else. A frame whose name
/// makes no sense costs its datagram; one whose address is of an unknown kind ends the association,
/// since nobody knows where it ends.
///
/// ## Concurrency
/// Confined to its loop; its owner keeps it alive.
final class FrameStream: AssociationSide, ReadinessHandler, Resumable {
    let local: Endpoint
    var node: Endpoint? { nil }
    var isTunnel: Bool { client == nil }
    private let context: DatagramContext
    /// The client at the other end; nil where a node of a chain is.
    private let client: Endpoint?
    private let stream: StreamSocket.Detached
    private var readiness: Readiness
    private var queue: FrameQueue
    /// The beginning of a frame whose rest has not come.
    private var carried: [UInt8]
    /// Whether `carried` has not been looked at.
    private var isCarriedNew: Bool
    private var isQueued = false
    private var isClosed = false
    // It closes its side before it goes.
    private unowned var owner: (any SideOwner)?

    /// Takes over a stream. `early` is what was received of it already.
    init(
        _ context: DatagramContext, client: Endpoint?, local: Endpoint,
        stream: StreamSocket.Detached, early: [UInt8]
    ) {
        self.context = context
        self.client = client
        self.local = local
        self.stream = stream
        readiness = stream.readiness
        queue = FrameQueue(client == nil ? .uplink : .downlink)
        carried = early
        isCarriedNew = !early.isEmpty
    }

    func start(for owner: any SideOwner) {
        self.owner = owner
        context.loop.rebind(stream.registration, to: self, tag: 0)
        if readiness.contains(.readable) || isCarriedNew { queueUp() }
    }

    func close() {
        if isClosed { return }
        isClosed = true
        queue.discard(context.frameBuffers)
        carried = []
        context.loop.close(stream.descriptor, stream.registration)
    }

    private func fail(_ cause: FlowEnd.Cause) {
        owner?.sideEnded(
            FlowEnd(by: client == nil ? .upstream : .client, phase: .relay, cause: cause))
    }

    // MARK: Sending

    func add(_ payload: UnsafeRawBufferPointer, flow: DatagramFlow) {
        guard !isClosed, flow.admits(queue.direction, payload.count) else { return }
        if queue.add(payload, flow: flow, context.frameBuffers) { return }
        flush()
        // A stream that just failed has ended the flow.
        if isClosed || queue.add(payload, flow: flow, context.frameBuffers) { return }
        flow.meter.countDropped(packets: 1)
        flow.limits?.refund(queue.direction, payload.count)
    }

    func flush() {
        guard !isClosed, !queue.isEmpty, readiness.contains(.writable) else { return }
        let result = queue.write(
            to: stream.descriptor, context.loop.driver, context.frameBuffers,
            nowNanoseconds: context.loop.nowNanoseconds)
        switch result {
        case .bytes: break
        case .wouldBlock: readiness.remove(.writable)
        case .failed(let error):
            readiness.remove(.writable)
            fail(error.isReset ? .reset : .failed)
        }
    }

    func forget(_ flow: DatagramFlow) {
        flush()
        queue.forget(flow)
    }

    // MARK: Receiving

    func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        self.readiness.formUnion(readiness)
        flush()
        pump()
    }

    func resume() {
        isQueued = false
        pump()
    }

    private func queueUp() {
        if isQueued { return }
        isQueued = true
        context.loop.resumeLater(self)
    }

    private func pump() {
        if isCarriedNew, !isClosed { take(count: 0) }
        for _ in 0..<Limits.transfersPerTurn {
            guard !isClosed, readiness.contains(.readable) else { return }
            receive()
        }
        if !isClosed, readiness.contains(.readable) { queueUp() }
    }

    private func receive() {
        // What is carried is shorter than one frame, and there is room for four.
        let space = UnsafeMutableRawBufferPointer(
            rebasing: context.loop.scratch[carried.count...])
        switch context.loop.driver.receive(stream.descriptor, into: space) {
        case .bytes(0):
            fail(.controlClosed)
        case .bytes(let count):
            if count < space.count, !readiness.contains(.peerEnded) {
                readiness.remove(.readable)
            }
            take(count: count)
        case .wouldBlock:
            readiness.remove(.readable)
        case .failed(let error):
            fail(error.isReset ? .reset : .failed)
        }
    }

    /// Takes the whole frames of what is carried and `count` bytes behind it in the scratch.
    private func take(count: Int) {
        guard let owner else { return }
        isCarriedNew = false
        let scratch = context.loop.scratch
        scratch.copyBytes(from: carried)
        let end = carried.count + count
        carried.removeAll(keepingCapacity: carried.capacity <= Limits.handshakeBytes)
        var position = 0
        while position < end, !isClosed {
            let rest = UnsafeRawBufferPointer(rebasing: scratch[position..<end])
            switch SOCKS5.StreamHeader.decode(rest.bytes) {
            case .needs:
                carried.append(contentsOf: rest)
                position = end
            case .fault:
                owner.flushAway(from: self)
                return fail(.malformed)
            case .value(let header, let headerBytes):
                let frameBytes = headerBytes + header.payloadByteCount
                guard rest.count >= frameBytes else {
                    carried.append(contentsOf: rest)
                    position = end
                    continue
                }
                position += frameBytes
                let payload = UnsafeRawBufferPointer(rebasing: rest[headerBytes..<frameBytes])
                hand(payload, header, headerBytes, to: owner)
            }
        }
        owner.flushAway(from: self)
    }

    private func hand(
        _ payload: UnsafeRawBufferPointer, _ header: SOCKS5.StreamHeader, _ headerBytes: Int,
        to owner: any SideOwner
    ) {
        guard let destination = header.destination else { return owner.countStray() }
        if let client {
            owner.takeFromClient(
                Arrived(
                    client: client, local: .anyV6, headerBytes: headerBytes, payload: payload),
                to: destination)
        } else if case .address(let address) = destination.host {
            owner.takeFromFar(payload, source: Endpoint(address, destination.port))
        } else {
            owner.takeFromFar(payload, named: destination)
        }
    }
}
